"""Domain files for the tests' guests, with the sample domains' kernel."""


def pv(name, cmdline, memory, *lines, kernel="hello/vmlinux", ramdisk="hello/initrd.gz"):
    """The file of a PV domain: MEMORY in MiB, LINES are further settings, KERNEL and RAMDISK
    are below /config/images."""
    return "\n".join((
        'name = "%s"' % name,
        'type = "pv"',
        'kernel = "/config/images/%s"' % kernel,
        'ramdisk = "/config/images/%s"' % ramdisk,
        "cmdline = 'console=hvc0 quiet %s'" % cmdline,
        "memory = %d" % memory,
        *lines)) + "\n"


def hello(name, memory, mac, *lines, start_timeout=600, **images):
    """The hello guest with its own name and MAC address (QEMU has only 16 addresses)."""
    return pv(name, "hello.name=" + name, memory,
              'vif = [ "mac=00:16:3e:00:%s" ]' % mac, "start_timeout = %d" % start_timeout, *lines, **images)


def one_line(name, line, memory, *more):
    """A guest whose init is a line of shell without quotes. BusyBox needs /proc to find
    applets by name, so they are called explicitly."""
    return pv(name, 'panic=1 rdinit=/bin/busybox -- sh -c "%s"' % line, memory, *more)


def says_it_is_up(name):
    """The setting that makes the hello guest ready when its console says so."""
    return 'ready = "console:hello: %s up"' % name


def requires(names):
    return "requires = [ %s ]" % ", ".join('"%s"' % name for name in names.split())
