"""The checks of a configuration tree: host.conf, authorized_keys, domain files.

Each case of the text files runs with every awk: the image is built with the host's and
booted with BusyBox's. xenith reads domain files, on both."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import built
import drives
import tools

LIBRARY = Path(__file__).resolve().parents[2] / "rootfs/usr/lib/xenith"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDgIwXnLCyvmF6b1jGz0n5VHnFuDRcnLy8oP3cZ2rAB admin"
AWKS = ["mawk", "gawk", "busybox"]
OPTIONS = LIBRARY.parents[3] / "lib/commands/xen-options"


@pytest.fixture(params=AWKS)
def run(request, tmp_path):
    """Run a program of the library with one awk; returns (status, out, err)."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "awk").symlink_to(tools.find(request.param))

    def call(program, *arguments):
        xenith = [built.xenith()] if program == "check-config" else []
        done = subprocess.run(
            ["sh", LIBRARY / program, *arguments, *xenith],
            capture_output=True, text=True,
            env=dict(os.environ, PATH=f"{bin_dir}:{os.environ['PATH']}"))
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def check():
    """Checks a tree; returns (status, err)."""
    def call(root):
        done = subprocess.run(["sh", LIBRARY / "check-config", root, built.xenith()],
                              capture_output=True, text=True)
        assert done.stdout == ""
        return done.returncode, done.stderr

    return call


@pytest.fixture
def tree(tmp_path):
    """Make a configuration tree from {path: text}."""
    def make(files, name="tree"):
        root = tmp_path / name
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        (root / "domains").mkdir(parents=True, exist_ok=True)
        return root

    return make


def domain(text="", name="web"):
    return f'name = "{name}"\n{text}'


def test_a_good_tree_says_nothing(run, tree):
    root = tree({
        "host.conf": "# mine\nhostname=rack7\naddress=192.0.2.10/24\ndns=192.0.2.1, 2001:db8::2 ::1 fe80::\n"
                     "syslog_server=[2001:db8::5]:5140\nlog_dir=/srv/log/rack7\n"
                     "xen_options=\"loglvl=all iommu=on,dom0-passthrough\"\n"
                     "linux_options=xen-pciback.hide=(0000:03:00.0)(0000:04:00.0)\n",
        "authorized_keys": f"# me\n{KEY}\n",
        "images/vmlinuz": "kernel",
        "domains/web.cfg": domain('kernel = "/config/images/vmlinuz"\nmemory = 64\n'
                                  'vif = [ "bridge=xenbr0", ]\n'),
    })
    assert run("check-config", root) == (0, "", "")


def test_the_sample_tree_is_good(run):
    assert run("check-config", LIBRARY.parents[3] / "domains") == (0, "", "")


def test_no_directory(run, tmp_path):
    status, _, err = run("check-config", tmp_path / "nowhere")
    assert status == 1
    assert err == f"{tmp_path}/nowhere:0: is not a directory\n"


@pytest.mark.parametrize("line, message", [
    ("hostname", "expected KEY=VALUE"),
    ("hostnmae=x", 'unknown key "hostnmae"'),
    ("hostname=two words", 'hostname: "two words" is not a host name'),
    ("address=10.0.0.1", 'address: "10.0.0.1" is not dhcp or an address with its prefix length'),
    ("address=10.0.0.256/24", "is not dhcp or"),
    ("gateway=192.0.2.0256", "is not an IPv4 address"),
    ("gateway=gw", "is not an IPv4 address"),
    ("dns=1.1.1.1 one", "is not IPv4 or IPv6 addresses"),
    ("dns=2001:db8::1::2", "is not IPv4 or IPv6 addresses"),
    ("dns=2001:db8::12345", "is not IPv4 or IPv6 addresses"),
    ("dns=1:2:3:4:5:6:7", "is not IPv4 or IPv6 addresses"),
    ("nic=00:11:22", "is not the name or the MAC"),
    ("bridge=a-name-that-is-too-long", "is not the name of a network interface"),
    ("volumes=-x", 'volumes: "-x" is not yes, no or names of volume groups'),
    ("storage=xen/pool/deep", 'storage: "xen/pool/deep" is not a volume group, VG/POOL or a directory'),
    ("syslog_server=a b", "is not a host name or an address, or one with a port"),
    ("syslog_server=192.0.2.5:0", "is not a host name or an address"),
    ("syslog_server=[192.0.2.5]:514", "is not a host name or an address"),
    ("syslog_server=udp://log", "is not a host name or an address"),
    ("log_dir=logs", 'log_dir: "logs" is not the full path of a directory, without blanks'),
    ("log_dir=/srv/my logs", "is not the full path of a directory"),
    ("log_dir=/", "is not the full path of a directory"),
    ("autostart=/x", 'autostart: "/x" is not yes, no or names of domains'),
    ("parallel_starts=0", 'parallel_starts: "0" is not auto or a number from 1 to 999'),
    ("parallel_starts=1000", "is not auto or a number"),
    ("parallel_starts=-1", "is not auto or a number"),
    ("parallel_starts=", "is not auto or a number"),
    ("dom0_mem=lots", "is not a size"),
    ("dom0_mem=1M", 'dom0_mem: "1M" is not a size such as 512M or 2G, of at least 128M'),
    ("dom0_mem=130000K", "at least 128M"),
    ("dom0_mem=0G", "at least 128M"),
    ("dom0_mem=0512M", "at least 128M"),        # octal, for Xen
    ("dom0_mem=512", "at least 128M"),
    ("dom0_mem=min:256M", "at least 128M"),
    ("dom0_mem=min:256M,max:1G", "at least 128M"),
    ("dom0_mem=512M,max:64M", "at least 128M"),
    ("dom0_mem=64M,max:512M,256M", "at least 128M"),
    ("dom0_mem=", "at least 128M"),
    ("dom0_max_vcpus=0", 'dom0_max_vcpus: "0" is not a number of CPUs (4) or a range (1-4), of at least 1'),
    ("dom0_max_vcpus=0-4", "at least 1"),
    ("dom0_max_vcpus=1-0", "at least 1"),
    ("dom0_max_vcpus=all", "is not a number of CPUs"),
    ("config_wait=08", 'config_wait: "08" is not a number of seconds (0 to 9999)'),
    ("shutdown_timeout=10000", "is not a number of seconds"),
    ("watchdog=maybe", 'watchdog: "maybe" is not yes, no or a number of seconds (10 to 9999)'),
    ("watchdog=9", "is not yes, no or a number"),
    ("watchdog=060", "is not yes, no or a number"),     # octal, for the shell
    ("watchdog=10000", "is not yes, no or a number"),
    ("watchdog=", "is not yes, no or a number"),
    ("config_drive=yes", 'config_drive: "yes" is not any, no or the UUID of a file system, as blkid prints it; no drive'),
    ("config_drive=", "is not any, no or the UUID"),
    ("config_drive=/dev/sdb1", "is not any, no or the UUID"),
    ("config_drive=1A2B3C4D", "is not any, no or the UUID"),
    ("max_cstate=deep", "is not a number from 0 to 9"),
    ("max_cstate=1,", "is not a number from 0 to 9"),
    ("preset=fast", 'preset: "fast" is not one of: low-latency, safe, hardened, lab'),
    ("dom0_vcpus_pin=2", 'dom0_vcpus_pin: "2" is not one of: yes, no'),
    ("cpufreq=fast", 'cpufreq: "fast" is not none, xen, xen:GOVERNOR'),
    ("cpufreq=xen:fast", "is not none, xen, xen:GOVERNOR"),
    ("cpufreq=dom0-kernel", "is not none, xen, xen:GOVERNOR"),
    ("pcie_aspm=no", 'pcie_aspm: "no" is not one of: off, force'),
    ("msi=maybe", 'msi: "maybe" is not one of: yes, no'),
    ("iommu=requird", 'iommu: "requird" is not yes, no or a list'),
    ("iommu=no,required", 'iommu: "no,required" is not possible: an IOMMU that is off cannot be required'),
    ("iommu=force=1,off", "is not possible"),
    ("iommu=quarantine=maybe", "is not yes, no or a list"),
    ("iommu=yes,", "is not yes, no or a list"),
    ("smt=8", 'smt: "8" is not one of: yes, no'),
    ("ucode=0", 'ucode: "0" is not a list of scan'),
    ("ucode=scan;x", "is not a list of scan"),
    ("spec_ctrl=yes", 'spec_ctrl: "yes" is not no or a list'),
    ("spec_ctrl=ssdb", "is not no or a list"),
    ("spec_ctrl=xen", "is not no or a list"),
    ("spec_ctrl=bti-thunk=fast", "is not no or a list"),
    ("spec_ctrl=ssbd unpriv-mmio", "is not no or a list"),
    ("xsm=selinux", 'xsm: "selinux" is not one of: silo, dummy, flask'),
    ("sched=fair", 'sched: "fair" is not one of: credit, credit2, rtds, arinc653, null'),
    ("sched_gran=thread", 'sched_gran: "thread" is not one of: cpu, core, socket'),
    ("console=ttyS0", 'console: "ttyS0" is not a list of vga, com1'),
    ("console=none,vga", "is not a list of vga, com1"),
    ("console=com1 vga", "is not a list of vga, com1"),
    ("console_speed=230400", 'console_speed: "230400" is not auto or a speed'),
    ("console_port=ttyS1", 'console_port: "ttyS1" is not an I/O address'),
    ("console_port=3f8", "is not an I/O address"),
    ("vga=1024x768", 'vga: "1024x768" is not keep, current'),
    ("vga=text-80x24", "is not keep, current"),
    ("vga=ask", "is not keep, current"),
    ("nomodeset=1", 'nomodeset: "1" is not one of: yes, no'),
    ("nmi_watchdog=300", 'nmi_watchdog: "300" is not one of: yes, no, force'),
    ("noreboot=never", "is not one of: yes, no"),
    ("verbose=very", "is not one of: yes, no"),
    ("install_disk=sda", "is not what a disk is, separated by commas"),
    ("install_disk=smallest,largest", "is not what a disk is"),
    ("install_disk=size:100-200", "is not what a disk is"),
    ("install_disk=size:-", "is not what a disk is"),
    ("install_disk=bus:floppy", "is not what a disk is"),
    ("install_disk=serial:", "is not what a disk is"),
    ("install_disk=smallest,", "is not what a disk is"),
    ("install_existing=maybe", "is not one of upgrade|keep|erase"),
    ("install_foreign=", "is not one of stop|erase"),
    ("install_then=stop|erase", "is not one of reboot|poweroff|nothing"),
    ("install_from=file.update", "is not a URL"),
    ("install_config=alpha.tar", "is not a URL"),
    ("install_config_signed=maybe", "is not"),
    ("install_report=https://example.org/", "is not a URL (http://)"),
    ("xen_options=a; reboot", "is not options made of"),
    ("linux_options=a=$(b)", "is not options made of"),
])
def test_a_bad_line_of_host_conf_is_named(run, tree, line, message):
    root = tree({"host.conf": f"# first\n\n{line}\nconsole_shell=no\n"})
    status, _, err = run("check-config", root)
    assert status == 1
    assert err.startswith(f"{root}/host.conf:3: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("value", [
    "any", "no", "1A2B-3C4D", "0c7f1e5a-5f0e-4c57-9f0a-3f2f1f8a6a11", "2026-11-22-10-19-05-00"])
def test_the_drive_that_may_be_taken(run, tree, value):
    assert run("check-config", tree({"host.conf": f"config_drive={value}\n"})) == (0, "", "")


@pytest.mark.parametrize("value", ["yes", "no", "TRUE", "off", "10", "9999"])
def test_watchdog(run, tree, value):
    assert run("check-config", tree({"host.conf": f"watchdog={value}\n"})) == (0, "", "")


@pytest.mark.parametrize("line", [
    "dom0_mem=128M", "dom0_mem=131072k", "dom0_mem=2G", "dom0_mem=512M,max:1G", "dom0_mem=min:256M,512M,max:1G",
    "dom0_max_vcpus=1", "dom0_max_vcpus=2-", "dom0_max_vcpus=1-16",
])
def test_what_dom0_boots_with(run, tree, line):
    assert run("check-config", tree({"host.conf": f"{line}\n"})) == (0, "", "")


@pytest.mark.parametrize("line", [
    "preset=hardened", "preset=default", "dom0_vcpus_pin=YES", "max_cstate=2,0", "max_cstate=default", "cpufreq=no",
    "cpufreq=xen:ondemand,maxfreq=2000,minfreq=1000,verbose", "cpufreq=hwp:no-hdc,verbose", "pcie_aspm=off", "msi=off",
    "iommu=yes", "iommu=required,no-igfx,verbose=on,dom0-strict", "iommu=quarantine=scratch-page", "iommu=no,required=no",
    "ucode=scan,nmi=no", "ucode=-1", "spec_ctrl=no", "spec_ctrl=no-xen", "spec_ctrl=xen=0,md-clear=pv,rsb=hvm=off",
    "spec_ctrl=bhb-seq=long,ibpb-alt", "console=com1H,vga", "console=none", "console_speed=auto", "console_port=0x2f8,0",
    "console_port=amt,msi", "vga=keep", "vga=mode-31a,keep", "nmi_watchdog=force", "smt=", "sched=default",
])
def test_boot_options_that_are_possible(run, tree, line):
    assert run("check-config", tree({"host.conf": f"{line}\n"})) == (0, "", "")


@pytest.mark.parametrize("words, warning", [
    ("dom0_men=1G", 'Xen has no option "dom0_men", and ignores it'),
    ("quiet", 'Xen has no option "quiet", and ignores it'),
    ("no-foo", 'Xen has no option "no-foo", and ignores it'),
    ("smt=2", 'smt takes a boolean, and Xen ignores "2"'),
    ("nr_irqs=many", 'nr_irqs takes an integer, and Xen ignores "many"'),
    ("conring_size=4MB", 'conring_size takes a size, and Xen ignores "4MB"'),
    ("com1=" + "1" * 130, "Xen reads only the first 127 characters of com1="),
])
def test_word_that_xen_does_not_know(run, tree, monkeypatch, words, warning):
    """A warning, by the table of Xen's options. The boot has no table, and warns of none."""
    monkeypatch.setenv("XEN_OPTIONS", str(OPTIONS))
    root = tree({"host.conf": f"# mine\nxen_options=loglvl=all {words} no-smt\n"})
    status, _, err = run("check-config", root)
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith(f"{root}/host.conf:2: warning: xen_options: {warning}")
    monkeypatch.setenv("XEN_OPTIONS", "/nonexistent")
    assert run("check-config", root) == (0, "", "")


def test_words_that_xen_knows(run, tree, monkeypatch):
    monkeypatch.setenv("XEN_OPTIONS", str(OPTIONS))
    root = tree({"host.conf": "xen_options=smt=off no-hap hap conring_size=4M nr_irqs=0x400 com1=115200,8n1 iommu=no "
                              "dom0-watchdog=600 vga=keep pv-shim=1\n"})
    assert run("check-config", root) == (0, "", "")


def test_table_of_options_is_that_of_the_built_xen():
    """The copy, which checks before the first build use."""
    root = drives.package("xen-options")
    if os.environ.get("XENITH_XEN") or not root:
        pytest.skip("the pinned Xen is not built")
    assert OPTIONS.read_text() == (root / "usr/share/xenith/xen-options").read_text(), \
        "the copy is out of date: copy the package's table to lib/commands/xen-options"


@pytest.mark.parametrize("text, table", [
    ('custom_param("dom0_mem", parse);\n  boolean_runtime_param("smt", opt);\nignore_param("edd")\n',
     "dom0_mem custom\nsmt boolean\nedd ignore\n"),
    ('integer_param(\n    "a.b-c_1", n);\nsize_param ("s", n); \n/* string_param("no", x) */\n', "a.b-c_1 integer\ns size\n"),
    ('custom_param("ivrs_hpet[", parse);\nint f(void) { xsm_hvm_param("x"); }\n', "ivrs_hpet[ custom\n"),
])
def test_table_of_options(text, table):
    for awk in AWKS:
        program = [tools.find(awk)] + (["awk"] if awk == "busybox" else [])
        done = subprocess.run([*program, "-f", LIBRARY.parents[3] / "hypervisor/xen-options/files/options.awk"], input=text,
                              capture_output=True, text=True, check=True)
        assert done.stdout == table


def test_table_of_options_that_cannot_be_read():
    done = subprocess.run(["awk", "-f", LIBRARY.parents[3] / "hypervisor/xen-options/files/options.awk"],
                          input="\ncustom_param(NAME, parse);\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot read the name of the option: custom_param(NAME, parse);" in done.stderr


@pytest.mark.parametrize("words, lines", [
    ("xenith.entry=safe xenith.config_drive=1234", "config_drive=1234\n"),
    ("quiet root=/dev/ram0 splash", ""),
    ("xenith.hostname=a xenith.medium=X xenith.config=ignore", "hostname=a\n"),
    ("xenith.dns=192.0.2.1,192.0.2.2 xenith.autostart=web xenith.flag", "dns=192.0.2.1,192.0.2.2\nautostart=web\n"),
    ("xenith.autostart=web xenith.autostart=off xenith.hostname=a", "hostname=a\nautostart=no\n"),
    ("xenith.config_drive=1234 xenith.config=ignore xenith.config_drive=any", "config_drive=any\n"),
])
def test_what_the_kernel_was_started_with(words, lines):
    done = subprocess.run(["sh", LIBRARY / "config-cmdline"], input=words, text=True, capture_output=True, check=True)
    assert done.stdout == lines


@pytest.mark.parametrize("key", ["console_shell", "autostart", "volumes", "config_drive"])
@pytest.mark.parametrize("value, means", [
    *((word, "yes") for word in ("yes", "Yes", "TRUE", "on")), *((word, "no") for word in ("no", "No", "False", "OFF"))])
def test_yes_and_no_in_other_words(run, tree, tmp_path, key, value, means):
    """As other programs write them; both checks agree."""
    root = tree({"host.conf": f"{key}={value}\n"}, "image")
    settings, err = merge(run, tmp_path / "config", root)
    if (key, means) == ("config_drive", "yes"):
        assert settings[key] == "no" and "no drive is used" in err
        assert run("check-config", root)[0] == 1
    else:
        assert (settings[key], err) == (means, "")
        assert run("check-config", root) == (0, "", "")


def test_any_in_capitals(run, tree, tmp_path):
    assert merge(run, tmp_path / "config", tree({"host.conf": "config_drive=ANY\n"}, "image"))[0]["config_drive"] == "any"


@pytest.mark.parametrize("value", ["perhaps", ""])
def test_a_bad_word_for_the_console_closes_it(run, tree, tmp_path, value):
    settings, err = merge(run, tmp_path / "config", tree({"host.conf": f"console_shell={value}\n"}))
    assert settings["console_shell"] == "no"
    assert "the console is closed" in err


def test_a_bad_word_for_the_drive_lets_none_in(run, tree, tmp_path):
    settings, err = merge(run, tmp_path / "config", tree({"host.conf": "config_drive=mine\n"}, "image"))
    assert settings["config_drive"] == "no"
    assert "no drive is used" in err


def test_a_key_twice(run, tree):
    root = tree({"host.conf": "nic=eth0\nnic=eth1\n"})
    assert run("check-config", root)[2] == f"{root}/host.conf:2: nic was already set in line 1\n"


def test_no_public_key(run, tree):
    root = tree({"authorized_keys": f"{KEY}\n-----BEGIN OPENSSH PRIVATE KEY-----\n"})
    status, _, err = run("check-config", root)
    assert status == 1
    assert err.startswith(f"{root}/authorized_keys:2: not a public key")


def test_a_key_with_options(run, tree):
    root = tree({"authorized_keys": f'restrict,command="xl list" {KEY}\r\n'})
    assert run("check-config", root) == (0, "", "")


@pytest.mark.parametrize("text, line, message", [
    ('name = "web\n', 1, 'lexical error'),
    ("name 'web'\n", 1, "unexpected STRING"),
    ('# one\nname = "web"\nmemory 64\n', 3, "unexpected NUMBER"),
    ('name = "web"\ndisk = [ "a",\n  "b"\nvif = [ "" ]\n', 4, "near `vif': syntax error, unexpected IDENT"),
    ('name = "web"\ndisk = [ "a",\n', 2, "unexpected $end"),
    ('Name = "web"\n', 1, "near `Name': lexical error"),
    ("name = web\n", 1, "near `web': syntax error, unexpected IDENT"),
    ('name = "web" memory = 64\n', 1, "near `memory': syntax error"),
    ('name = "web"\nx = (1)\n', 2, "near `(1)': lexical error"),
    ("memory = 64\n", 1, "the domain has no name"),
    ('name = [ "web" ]\n', 1, "name: expected a single value, not a list"),
    ('name = "a b"\n', 1, 'name: "a b" contains characters other than'),
    ('name = "42"\n', 1, 'name: "42" is a number, which xl reads as a domain id'),
    ('name = "web"\ntype = "container"\n', 2, "is not pv, pvh or hvm"),
    ('name = "web"\nmemory = "much"\n', 2, 'memory: "much" is not a number from 1'),
    ('name = "web"\n\nkernel = "/config/images/none"\n', 3, "kernel: /config/images/none does not exist"),
    ('name = "web"\nkernel = "vmlinuz"\n', 2, "is not an absolute path"),
    ('name = "web"\ndisk = [\n  "/config/images/d.img,raw,xvda,rw" ]\n', 2, "disk: /config/images/d.img does not exist"),
    ('name = "web"\ndisk = [ "format=raw, vdev=xvda, access=rw, target=/config/images/d.img" ]\n', 2, "does not exist"),
    ('name = "web"\ndisk = [ "file:/config/images/d.img,xvda,w" ]\n', 2, "does not exist"),
    ('name = "web"\ndisk = [ "/dev/vg/web,vmdk,xvda,w" ]\n', 2, "unknown value for format: near `vmdk'"),
    ('name = "web"\ndisk = [ "phy:vg/web,xvda,w" ]\n', 2, "vg/web is not an absolute path"),
    ('name = "web"\nvncpasswd = "x"\ntype = "hvm"\n', 2, "vncpasswd: VNC passwords are not supported"),
    ('name = "web"\nvif = "bridge=xenbr0"\n', 2, 'write vif = [ "bridge=xenbr0" ]'),
    ('name = "web"\nbuilder = "linux"\n', 2, 'builder: xl rejects "linux"'),
    ('name = "web"\nbootloader = "/usr/bin/pygrub"\n', 2, "bootloader: pygrub is not in this image"),
    ('name = "web"\n'.encode("utf-16").decode("latin-1"), 0, "is UTF-16; save it as UTF-8"),
])
def test_a_broken_domain_is_named(check, tree, text, line, message):
    root = tree({"domains/web.cfg": text.encode("latin-1")})
    status, err = check(root)
    assert status == 1
    assert err.startswith(f"{root}/domains/web.cfg:{line}: "), err
    assert message in err
    assert err.count("\n") == 1 or "lexical" in err


@pytest.mark.parametrize("text", [
    'name = "web" ; memory = 64\n',
    'name="web"; type="hvm"; memory=2048\n',
    "name = 'web'\nvcpus=2;\n",
    'name = "web"\nvif = [\n\n "bridge=a" ,\n # why\n "bridge=b",\n]\n',
    'name = "web"\nvif += [ "" ]\n',
    'name = "web"\nviridian = [ "a", [ "b" ], [ ] ]\n',
    'name = "we\\\\b"\n'.replace("\\\\", ""),
    'name = "web"\ncmdline = "say \\"hi\\" # not a comment"\n',
    'name = "web"\r\nmemory = 64\r\n',
    '\xef\xbb\xbfname = "web"\r\n',
    'name = "web"\n# the last line has no end',
    'name = "web"\ndisk = [ "/dev/vg/web,raw,xvda,rw", ",raw,hdc,ro,devtype=cdrom", "script=block-iscsi,vdev=xvdb,target=iqn:x" ]\n',
    'name = "web"\ndisk = [ "phy:/dev/vg/web,xvda,w", "/srv/Server 2022 x64.iso,,hdc,cdrom" ]\n',
    'name = "web"\ntype = "hvm"\nvncpasswd = ""\nvfb = [ "vnc=1,vncpasswd=,vnclisten=127.0.0.1" ]\n',
    'name = "web"\ntype = "pv"\nvncpasswd = "not read"\n',
])
def test_what_xl_takes_is_taken(check, tree, text):
    assert check(tree({"domains/web.cfg": text.encode("latin-1")})) == (0, "")


def test_what_is_only_odd_is_said(check, tree):
    """And is no reason to build nothing."""
    root = tree({"domains/web.cfg": 'name = "web"\ntype = "hvm"\nkernel = "hvmloader"\nautostrat = 1\n'})
    status, err = check(root)
    assert status == 0
    assert err == (f"{root}/domains/web.cfg:4: warning: autostrat: neither xl nor domd knows this key (autostart?)\n"
                   f"{root}/domains/web.cfg:3: warning: kernel: xl ignores this line: hvmloader is part of the image\n")


def test_scripts_of_the_image_are_known(check, tree):
    """The program knows them where it has no image to look at."""
    places = sorted((LIBRARY.parents[2] / "etc/xen/scripts").iterdir())
    # Many are links to a program of the image; block-use is not for domain files.
    scripts = [path.name for path in places
               if (path.is_symlink() or os.access(path, os.X_OK)) and path.name != "block-use"]
    assert "vif-bridge" in scripts
    text = 'name = "web"\n' + "".join(
        f'vif += [ "script={name}" ]\n' if name.startswith("vif") else f'disk += [ "script={name},vdev=xvd{"abcdefgh"[n]},target=x" ]\n'
        for n, name in enumerate(scripts))
    assert check(tree({"domains/web.cfg": text})) == (0, "")
    for name in ("block-drbd", "vif-openvswitch", "block-common.sh"):
        assert f"script {name} is not in this image" in \
            check(tree({"domains/web.cfg": f'name = "web"\nvif = [ "script={name}" ]\n'}))[1]


def test_all_files_are_checked(check, tree):
    root = tree({"host.conf": "nic\n", "domains/a.cfg": "x", "domains/b.cfg": "y = ", "domains/c.cfg": domain()})
    status, err = check(root)
    assert status == 1
    named = [line.split(":")[0].rsplit("/", 1)[1] for line in err.splitlines()]
    assert named == ["host.conf", "a.cfg", "b.cfg"]


def test_a_name_taken_twice(check, tree):
    root = tree({"domains/a.cfg": domain(), "domains/b.cfg": domain()})
    assert check(root) == \
        (1, f'{root}/domains/b.cfg:1: name: "web" is already the name of the domain in {root}/domains/a.cfg\n')


def test_a_name_taken_by_a_file_that_lacks_something(check, tree):
    """All errors of a file are reported at once, not one after each correction."""
    root = tree({"domains/a.cfg": 'name = "web"\nkernel = "/config/images/no"\n', "domains/b.cfg": 'name = "web"\n'})
    status, err = check(root)
    assert status == 1
    assert err == (f"{root}/domains/a.cfg:2: kernel: /config/images/no does not exist\n"
                   f'{root}/domains/b.cfg:1: name: "web" is already the name of the domain in {root}/domains/a.cfg\n')


FILES = {"host.conf": "hostname=rack7\n", "authorized_keys": KEY + "\n", "fstab": "LABEL=a /data ext4\n",
         "iscsi-secrets": "* alpha oursecretoursecret\n", "domains/web.cfg": domain()}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_mark_of_an_editor(run, tree, tmp_path, name, ends):
    """It is taken off, with carriage returns, before anybody else reads the file."""
    text = FILES[name].replace("\n", ends)
    root = tree({name: b"\xef\xbb\xbf" + text.encode()})
    (root / name).chmod(0o600)
    assert run("check-config", root) == (0, "", "")
    settings, err = merge(run, tmp_path / "config", root)
    assert err == ""
    if name == "host.conf":
        assert settings["hostname"] == "rack7"
    else:
        assert (tmp_path / "config" / name).read_text() == FILES[name]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be"])
def test_utf_16(run, tree, tmp_path, name, code):
    """It is said once, and what an earlier source says holds."""
    root = tree({name: ("\ufeff" + FILES[name].replace("\n", "\r\n") * 40).encode(code)}, "drive")
    (root / name).chmod(0o600)
    message = f"{root}/{name}:0: the file is UTF-16; save it as UTF-8\n"
    assert run("check-config", root) == (1, "", message)
    image = tree({name: FILES[name]}, "image")
    (image / name).chmod(0o600)
    settings, err = merge(run, tmp_path / "config", image, root)
    assert err == message
    if name == "host.conf":
        assert settings["hostname"] == "rack7"
    else:
        assert (tmp_path / "config" / name).read_text() == FILES[name]
    assert not list((tmp_path / "config").glob("**/*.new"))


UNUSED = [
    ("host.conf.txt", "its name is host.conf, without .txt"),
    ("Host.conf", "its name is host.conf, in small letters"),
    ("AUTHORIZED_KEYS", "its name is authorized_keys, in small letters"),
    ("fstab.TXT", "its name is fstab, without .txt"),
    ("web.cfg", "domains are files domains/NAME.cfg"),
    ("domains/web.cfg.txt", "its name does not end in .cfg"),
    ("domains/WEB.CFG", "its name does not end in .cfg"),
    ("id_ed25519.pub", "keys of those who may log in are lines of authorized_keys"),
    ("ssh_host_ed25519_key", "the host's own key is ssh/dropbear_ed25519_host_key ("),
    ("ssh/ssh_host_ed25519_key", "the host's own key is ssh/dropbear_ed25519_host_key ("),
    ("dropbear_ed25519_host_key", "its place is ssh/dropbear_ed25519_host_key"),
]


@pytest.mark.parametrize("name, message", UNUSED)
def test_name_that_looks_like_a_mistake(run, tree, tmp_path, name, message):
    """The checks say the same, and the rest of the tree holds."""
    root = tree({name: domain()})
    status, _, err = run("check-config", root)
    assert status == 0
    assert err.startswith(f"{root}/{name}:0: warning: is not used: {message}") and err.count("\n") == 1
    assert merge(run, tmp_path / "config", root)[1] == err


@pytest.mark.parametrize("name", ["README.md", "notes.txt", "host.conf.bak", "images/web.cfg", "EFI/boot.cfg", "ssh/dropbear_rsa_host_key"])
def test_name_that_is_none(run, tree, tmp_path, name):
    root = tree({name: domain()})
    assert run("check-config", root) == (0, "", "")
    assert merge(run, tmp_path / "config", root)[1] == ""


def test_what_domains_say_of_each_other(check, tree):
    root = tree({"domains/a.cfg": 'name = "a"\nrequires = "b"\n', "domains/b.cfg": 'name = "b"\nafter = "a"\n'})
    assert "dependency cycle: a -> b -> a" in check(root)[1]


def test_other_files_are_left_alone(check, tree):
    status, err = check(tree({"domains/README": "anything = ["}))
    assert status == 0
    assert "its name does not end in .cfg" in err


def test_domain_files_are_left_to_who_can_read_them(tree):
    root = tree({"host.conf": "nic\n", "domains/a.cfg": "x"})
    done = subprocess.run(["sh", LIBRARY / "check-config", root], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"{root}/host.conf:1: expected KEY=VALUE\n")


def merge(run, target, *sources):
    status, _, err = run("config-merge", target, *sources)
    assert status == 0
    settings = dict(line.split("=", 1) for line in (target / "host.conf").read_text().splitlines())
    return settings, err


def test_merge_without_sources_gives_the_defaults(run, tmp_path):
    settings, err = merge(run, tmp_path / "config")
    assert err == ""
    assert settings["bridge"] == "xenbr0"
    assert settings["fallback_address"] == "192.168.144.1/24"
    assert settings["console_shell"] == "yes"


def test_every_key_is_in_the_sample_and_in_the_documents(run, tmp_path):
    """With its default; and no other key is."""
    top = LIBRARY.parents[3]
    sample = (top / "domains/host.conf").read_text()
    document = (top / "docs/configuration.md").read_text() + (top / "docs/boot-options.md").read_text()
    page = (top / "man/xenith-host.conf.5").read_text()
    settings = merge(run, tmp_path / "config")[0]
    for key, value in settings.items():
        assert f"\n#{key}={value}\n" in sample
        assert f"| `{key}` | {f'`{value}`' if value else '(empty)'} |" in document
    in_page = dict(re.findall(r'(?m)^\.TP\n\.BR (\w+) " \((.*)\)"$', page.split(".SH KEYS")[1].split(".SH FILES")[0]))
    assert in_page == {key: value or "empty" for key, value in settings.items()}
    assert set(re.findall(r"(?m)^#(\w+)=", sample)) == set(settings)


@pytest.mark.parametrize("value", ["auto", "1", "16", "999"])
def test_parallel_starts(run, tree, tmp_path, value):
    drive = tree({"host.conf": f"parallel_starts={value}\n"})
    settings, err = merge(run, tmp_path / "config", drive)
    assert (settings["parallel_starts"], err) == (value, "")


def test_merge_lets_the_later_source_win(run, tree, tmp_path):
    image = tree({
        "host.conf": "hostname=image\nnic=eth0\n", "authorized_keys": "no key\n",
        "domains/a.cfg": domain("memory = 1\n", "a"), "domains/b.cfg": domain("", "b"),
        "images/old": "old", "images/both": "image's",
    }, "image")
    drive = tree({
        "host.conf": "hostname=drive\r\n", "authorized_keys": f"{KEY}\n",
        "domains/a.cfg": domain("memory = 2\r\n", "a"), "domains/c.cfg": domain("", "c"),
        "images/both": "drive's",
    }, "drive")
    target = tmp_path / "config"
    settings, err = merge(run, target, image, drive)
    assert err.startswith(f"{image}/authorized_keys:1: not a public key") and err.count("\n") == 1
    assert (settings["hostname"], settings["nic"]) == ("drive", "eth0")
    assert (target / "authorized_keys").read_text() == f"{KEY}\n"
    assert sorted(p.name for p in target.glob("domains/*")) == ["a.cfg", "b.cfg", "c.cfg"]
    # xl accepts no carriage return.
    assert (target / "domains/a.cfg").read_text() == domain("memory = 2\n", "a")
    assert (target / "images/both").read_text() == "drive's"
    assert (target / "images/old").is_symlink()


def test_merge_takes_away_a_domain_by_an_empty_file(run, tree, tmp_path):
    image = tree({"domains/a.cfg": domain()}, "image")
    drive = tree({"domains/a.cfg": "# not here\n"}, "drive")
    merge(run, tmp_path / "config", image, drive)
    assert list((tmp_path / "config/domains").iterdir()) == []


def test_addresses_lose_their_leading_zeros(run, tree, tmp_path):
    """What reads them next may take them for octal numbers, or refuse them."""
    source = tree({"host.conf": "address=192.168.001.010/08\ngateway=192.168.01.0\nfallback_address=010.0.0.1/24\n"
                                "dns=192.0.2.053, 2001:db8::10 100.10.0.00\n"}, "image")
    settings, err = merge(run, tmp_path / "config", source)
    assert err == ""
    assert [settings[name] for name in ("address", "gateway", "fallback_address", "dns")] == \
        ["192.168.1.10/8", "192.168.1.0", "10.0.0.1/24", "192.0.2.53 2001:db8::10 100.10.0.0"]


def test_merge_names_bad_lines_and_keeps_the_others(run, tree, tmp_path):
    image = tree({"host.conf": "hostname=good\naddress=10.0.0.1/8\n"}, "image")
    drive = tree({"host.conf": "address=nonsense\nnic=eth3\n"}, "drive")
    settings, err = merge(run, tmp_path / "config", image, drive)
    assert err.startswith(f"{drive}/host.conf:1: address: ")
    assert (settings["hostname"], settings["address"], settings["nic"]) == ("good", "10.0.0.1/8", "eth3")


@pytest.mark.parametrize("value", ["smallest", "smallest,bus:nvme", "id:nvme-ACME_SSD_*,size:200G-1T", "serial:S4X", "size:-2T,largest",
                                   "wwn:0x5000c500a1b2c3d4", "size:1T-"])
def test_a_disk_to_install_on(run, tree, tmp_path, value):
    settings, err = merge(run, tmp_path / "config", tree({"host.conf": f"install_disk={value}\n"}, "drive"))
    assert (settings["install_disk"], settings["install_then"], err) == (value, "reboot", "")


FOR_THE_LOADER = {"dom0_mem": "1G", "dom0_max_vcpus": "2", "max_cstate": "1", "xen_options": "loglvl=all",
                  "linux_options": "quiet"}
ONLY_IN_AN_IMAGE = "holds only in an image (./build.sh --domains DIR)"


@pytest.mark.parametrize("source", ["drive", "command-line"])
@pytest.mark.parametrize("key", FOR_THE_LOADER)
def test_merge_names_what_holds_only_in_an_image(run, tree, tmp_path, source, key):
    """The boot loader has used the image's value by then: the merged file keeps it."""
    image = tree({"host.conf": "dom0_mem=256M\n"}, "image")
    later = tree({"host.conf": f"nic=eth3\n{key}={FOR_THE_LOADER[key]}\n"}, source)
    settings, err = merge(run, tmp_path / "config", image, later)
    assert err == f"{later}/host.conf:2: {key} {ONLY_IN_AN_IMAGE}\n"
    assert settings[key] == {"dom0_mem": "256M", "dom0_max_vcpus": "1-4"}.get(key, "")
    assert settings["nic"] == "eth3"


def test_merge_takes_them_from_the_image(run, tree, tmp_path):
    lines = "".join(f"{key}={value}\n" for key, value in FOR_THE_LOADER.items())
    settings, err = merge(run, tmp_path / "config", tree({"host.conf": lines}, "image"))
    assert err == ""
    assert FOR_THE_LOADER.items() <= settings.items()


def test_a_drive_may_repeat_what_the_image_says(run, tree, tmp_path):
    """The drive may have a copy of the image's tree with changes for this host."""
    image = tree({"host.conf": 'dom0_mem=1G\nxen_options="loglvl=all"\n'}, "image")
    drive = tree({"host.conf": "hostname=a\ndom0_mem = 1G\nxen_options=loglvl=all\ndom0_max_vcpus=1-4\n"}, "drive")
    settings, err = merge(run, tmp_path / "config", image, drive)
    assert err == ""
    assert (settings["hostname"], settings["dom0_mem"]) == ("a", "1G")


@pytest.mark.parametrize("key, value, others", [
    ("config_wait", "20", ("30", "40")), ("config_drive", "1A2B-3C4D", ("any", "no"))])
def test_what_must_be_known_before_the_drive_cannot_be_said_on_it(run, tree, tmp_path, key, value, others):
    image = tree({"host.conf": f"{key}={value}\n"}, "image")
    drive = tree({"host.conf": f"{key}={others[0]}\n"}, "drive")
    settings, err = merge(run, tmp_path / "config", image, drive)
    assert err == f"{drive}/host.conf:1: {key} {ONLY_IN_AN_IMAGE} or on the kernel's command line\n"
    assert settings[key] == value
    words = tree({"host.conf": f"{key}={others[1]}\n"}, "command-line")
    settings, err = merge(run, tmp_path / "config", image, words)
    assert (settings[key], err) == (others[1], "")


def test_merge_survives_odd_files(run, tree, tmp_path):
    drive = tree({"domains/dir.cfg/x": "", "domains/big.cfg": "#" * 300000, "domains/ok.cfg": domain()}, "drive")
    _, err = merge(run, tmp_path / "config", drive)
    assert sorted(err.splitlines()) == [
        f"{drive}/domains/big.cfg:0: is larger than 262144 bytes",
        f"{drive}/domains/dir.cfg:0: cannot be read",
    ]
    assert [p.name for p in (tmp_path / "config/domains").iterdir()] == ["ok.cfg"]


@pytest.mark.parametrize("line, error", [
    ("/dev/sda1 /data", "a device, a directory, a type and options are expected"),
    ("/dev/sda1 data ext4", "data is not an absolute path"),
    ("/dev/sda1 /data/../etc ext4", "is not an absolute path"),
    ("/dev/sda1 / ext4", "/ belongs to the system"),
    ("/dev/sda1 /usr/local ext4", "/usr/local belongs to the system"),
    ("/dev/sda1 /var ext4", "/var belongs to the system"),
    ("/dev/sda1 /var/log ext4", "/var/log belongs to the system"),
    ("/dev/sda1 /var/log/old/ ext4", "/var/log/old/ belongs to the system"),
    ("/dev/sda1 /data btrfs", "btrfs is none of ext2"),
    ("store /data nfs", "store is not SERVER:/PATH"),
    ("sda1 /data ext4", "sda1 is neither a path nor LABEL= or UUID="),
])
def test_wrong_line_of_fstab(run, tree, line, error):
    status, _, err = run("check-config", tree({"fstab": "# mine\n" + line + "\n"}))
    assert status == 1
    assert "/fstab:2: " in err and error in err


@pytest.mark.parametrize("line, error", [
    ("UUID=1A2B-3C4D none swap sw 0 0", "swap is not used"),
    ('LABEL="two words /data ext4', 'LABEL="two has no closing quote'),
    ("/dev/sda1 /data", "a device, a directory, a type and options are expected (a blank in a name is written \\040)"),
    ('LABEL="one /data ext4', 'LABEL="one has no closing quote'),
    ("LABEL=two words /data ext4", "words is not an absolute path"),
    ("/dev/sda1 /data\\040/\\056\\056/x ext4", "is not an absolute path"),
    ("/dev/sda1 /\\145tc ext4", "/etc belongs to the system"),
    ("/dev/sda1 /da\\012ta ext4", "a name has a control character"),
    ("/dev/sda1 /data ext4 X-mount.subdir=web 0 0", "unsupported option X-mount.subdir=web: "),
    ("/data /srv none bind", "none is none of ext2"),
    ("/dev/sda1 /data ext4 btrfs", None),
    ("/dev/sda1 /data ext4 noauto,x-systemd.automount", None),
    ("/dev/sda1 /data ext4 defaults,nofail,x-systemd.device-timeout=9,_netdev,user 0 2", None),
    ("/dev/sda1 /data ext4 defaults 0 2 # mine", "a device, a directory"),
])
def test_line_of_another_servers_fstab(run, tree, line, error):
    status, _, err = run("check-config", tree({"fstab": "# mine\n" + line + "\n"}))
    assert (status, err.count("\n")) == ((1, 1) if error else (0, 0)), err
    if error:
        assert "/fstab:2: " in err and error in err


@pytest.mark.parametrize("line, printed", [
    ("LABEL=a /data ext4", "LABEL=a|/data|ext4|defaults|-"),
    ('LABEL="two  words" /data ext4 ro', "LABEL=two  words|/data|ext4|ro|-"),
    ('  UUID="1A2B-3C4D"\t/data\tvfat', "UUID=1A2B-3C4D|/data|vfat|defaults|-"),
    ("LABEL=two\\040words /my\\040data ext4", "LABEL=two words|/my data|ext4|defaults|-"),
    ("LABEL=back\\134slash /\\303\\251 ext4", "LABEL=back\\slash|/é|ext4|defaults|-"),
    ("store:/a\\040b /vm nfs4 rw,nolock,_netdev", "store:/a b|/vm|nfs4|rw,nolock|-"),
    ("/data/cd.iso /cd iso9660 loop,ro", "/data/cd.iso|/cd|iso9660|loop,ro|-"),
    ("LABEL=a /data ext4 defaults,nofail,x-systemd.device-timeout=9s,x-systemd.automount,x-gvfs-show,comment=mine,user,"
     "X-mount.mkdir=0755", "LABEL=a|/data|ext4|defaults|nofail"),
    ("LABEL=a /data ext4 nofail", "LABEL=a|/data|ext4|defaults|nofail"),
    ("LABEL=a /data ext4 noauto,rw", ""),
])
def test_what_is_mounted_of_a_line(run, tree, line, printed, tmp_path):
    """With the awk of the run."""
    root = tree({"fstab": line + "\n"})
    done = subprocess.run([tmp_path / "bin/awk", "-f", LIBRARY / "fstab.awk", root / "fstab"], env={**os.environ, "LC_ALL": "C"},
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip("\n").replace("\t", "|") == printed


def test_option_of_fstab_that_has_no_effect(run, tree):
    """It is named, and the line is used."""
    root = tree({"fstab": "LABEL=a /data ext4 x-systemd.growfs\n"})
    assert run("check-config", root) == (0, "", f"{root}/fstab:1: warning: x-systemd.growfs has no effect here: "
                                         "make or grow the file system by hand\n")


def test_good_fstab(run, tree):
    root = tree({"fstab": "LABEL=a /data ext4\r\n\n/dev/xen/b /var/lib/images auto ro,noatime 0 2\n"
                          "[2001:db8::9]:/vm /vm nfs4 nolock\n"})
    assert run("check-config", root) == (0, "", "")
    status, out, err = run("config-merge", root.parent / "merged", root)
    assert status == 0 and not err, err
    assert (root.parent / "merged/fstab").read_text().startswith("LABEL=a /data ext4\n")


IQN = "iqn.2026-11.org.example:web"
SECRETS = f"# ours\n* other otherothersecret\n{IQN} alpha oursecretoursecret store theirsecrettheirs\n"


def private(root):
    (root / "iscsi-secrets").chmod(0o600)
    return root


@pytest.mark.parametrize("line, error", [
    (f"{IQN} alpha", "a target, a user and a secret are expected"),
    (f"{IQN} alpha oursecretoursecret store", "a target, a user and a secret are expected"),
    ("web alpha oursecretoursecret", "no target"),
    (f"{IQN} alpha oursecret", "at least 12 characters"),
    (f"{IQN} alpha oursecretoursecret store theirs", "at least 12 characters"),
    (f"{IQN} alpha oursecretoursecret store oursecretoursecret", "the same secret"),
    (f"{IQN} alpha {'s' * 256}", "more than 255 characters"),
])
def test_wrong_line_of_iscsi_secrets(run, tree, line, error):
    """The error does not quote the line, which may be a secret."""
    root = private(tree({"iscsi-secrets": line + "\n"}))
    status, _, err = run("check-config", root)
    assert status == 1
    assert err.startswith(f"{root}/iscsi-secrets:1: ") and error in err
    assert "oursecret" not in err and "ssss" not in err


def test_iscsi_secrets_that_others_may_read(run, tree, tmp_path):
    """They are reported, and not used."""
    root = tree({"iscsi-secrets": SECRETS})
    (root / "iscsi-secrets").chmod(0o640)
    status, _, err = run("check-config", root)
    assert status == 1
    assert err == f"{root}/iscsi-secrets:0: others may read it: chmod 600 iscsi-secrets\n"
    _, _, err = run("config-merge", tmp_path / "merged", root)
    assert f"{root}/iscsi-secrets:0: others may read it, so it is not used" in err
    assert not (tmp_path / "merged/iscsi-secrets").exists()


def test_iscsi_secrets_are_merged_for_root_alone(run, tree, tmp_path):
    root = private(tree({"iscsi-secrets": SECRETS}))
    assert run("check-config", root) == (0, "", "")
    assert run("config-merge", tmp_path / "merged", root) == (0, "", "")
    merged = tmp_path / "merged/iscsi-secrets"
    assert merged.read_text() == SECRETS
    assert merged.stat().st_mode & 0o777 == 0o600


def test_name_of_the_initiator(run, tree):
    assert run("check-config", tree({"host.conf": "iscsi_name=iqn.2026-11.org.example:alpha\n"})) == (0, "", "")
    status, _, err = run("check-config", tree({"host.conf": "iscsi_name=alpha\n"}, "bad"))
    assert status == 1 and "is not the name of an iSCSI initiator" in err


def test_networks(run, tree):
    root = tree({"network/br0.conf": "[NetDev]\nKind=bridge\n[Network]\nAddress=192.0.2.10/24\n",
                 "network/uplink.conf": "[Match]\nName=eth0\n[Network]\nBridge=br1\n", "network/br0.network": ""})
    status, _, err = run("check-config", root)
    assert status == 1
    assert sorted(err.replace(f"{root}/", "").splitlines()) == [
        "network/br0.network:0: warning: is not used: networks are files NAME.conf, one for each link",
        "network/uplink.conf:4: no file makes the bridge br1"]


def test_networks_of_a_later_source_replace_the_directory(tree, tmp_path):
    bridge = "[NetDev]\nKind=bridge\n[Network]\nDHCP=ipv4\n"
    image = tree({"network/br0.conf": bridge, "network/br1.conf": bridge}, "image")
    drive = tree({"network/br2.conf": bridge.replace("\n", "\r\n"), "network/br1.conf": "# removed\n"}, "drive")
    other = tree({}, "command-line")
    subprocess.run(["sh", LIBRARY / "config-merge", tmp_path / "out", image, drive, other], check=True)
    assert {file.name: file.read_text() for file in (tmp_path / "out/network").iterdir()} == {"br2.conf": bridge}
    done = subprocess.run(["sh", LIBRARY / "config-merge", tmp_path / "out", image, tree({"network/x.conf": "[Net]\n"}, "bad")],
                          check=True, capture_output=True, text=True)
    assert f'{tmp_path}/bad/network/x.conf:1: unknown section "[Net]"\n' in done.stderr
