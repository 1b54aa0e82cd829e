"""Domain files for guests of the tests' own, on the sample domains' kernel."""


def pv(name, cmdline, memory, *lines):
    """The text of a PV domain's file: MEMORY in MiB, LINES are further settings."""
    return "\n".join((
        'name = "%s"' % name,
        'type = "pv"',
        'kernel = "/config/images/hello/vmlinux"',
        'ramdisk = "/config/images/hello/initrd.gz"',
        "cmdline = 'console=hvc0 quiet %s'" % cmdline,
        "memory = %d" % memory,
        *lines)) + "\n"


def hello(name, memory, mac, *lines):
    """The hello guest under a name and a MAC address of its own (QEMU gives out 16
    addresses and no more)."""
    return pv(name, "hello.name=" + name, memory,
              'vif = [ "mac=00:16:3e:00:%s" ]' % mac, "start_timeout = 600", *lines)


def says_it_is_up(name):
    """The line that makes the hello guest ready when it has said so."""
    return 'ready = "console:hello: %s up"' % name


def requires(names):
    return "requires = [ %s ]" % ", ".join('"%s"' % name for name in names.split())
