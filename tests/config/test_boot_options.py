"""The options that the boot loader passes to Xen and Linux, from host.conf."""

import re
import subprocess
from pathlib import Path

import pytest

import tools

TOP = Path(__file__).resolve().parents[2]
LIBRARY = TOP / "rootfs/usr/lib/xenith"
START = "dom0_mem=512M,max:512M dom0_max_vcpus=1-4 ucode=scan"


@pytest.fixture(params=["mawk", "busybox"])
def options(request, tmp_path):
    """The line for xen or linux of a host.conf."""
    awk = [tools.find(request.param)] + (["awk"] if request.param == "busybox" else [])

    def call(kind, text):
        conf = tmp_path / "host.conf"
        conf.write_text(text)
        settings = tmp_path / "settings"
        settings.write_text(subprocess.run([*awk, "-f", LIBRARY / "text.awk", "-f", LIBRARY / "host-conf.awk", conf],
                                           capture_output=True, text=True, check=True).stdout)
        done = subprocess.run(["sh", LIBRARY / "boot-options", kind, settings], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return call


@pytest.mark.parametrize("conf, xen", [
    ("dom0_mem=1G\ndom0_max_vcpus=2\n", "dom0_mem=1G,max:1G dom0_max_vcpus=2 ucode=scan"),
    ("dom0_mem=1G,max:2G\ndom0_max_vcpus=2\n", "dom0_mem=1G,max:2G dom0_max_vcpus=2 ucode=scan"),
    ("dom0_mem=1G\ndom0_max_vcpus=1\nmax_cstate=1\nxen_options=com2=115200,8n1 console=com2,vga\n",
     "dom0_mem=1G,max:1G dom0_max_vcpus=1 ucode=scan max_cstate=1 com2=115200,8n1 console=com2,vga"),
])
def test_xen(options, conf, xen):
    assert options("xen", conf) == xen + "\n"


def test_linux(options):
    assert options("linux", "linux_options=quiet loglevel=3\n") == "quiet loglevel=3\n"
    assert options("linux", "") == "\n"


def test_the_defaults_fix_the_memory(options):
    assert ",max:" in options("xen", "")


@pytest.mark.parametrize("line, words", [
    ("dom0_vcpus_pin=yes", "dom0_vcpus_pin=yes"),
    ("max_cstate=2,0", "max_cstate=2,0"),
    ("cpufreq=xen:performance,maxfreq=2000", "cpufreq=xen:performance,maxfreq=2000"),
    ("cpufreq=off", "cpufreq=none"),
    ("msi=False", "msi=no"),
    ("iommu=required,quarantine=scratch-page", "iommu=required,quarantine=scratch-page"),
    ("smt=off", "smt=no"),
    ("spec_ctrl=ssbd,bti-thunk=lfence,rsb=no-pv", "spec-ctrl=ssbd,bti-thunk=lfence,rsb=no-pv"),
    ("xsm=flask", "xsm=flask"),
    ("sched=null", "sched=null"),
    ("sched_gran=core", "sched-gran=core"),
    ("console=vga", "console=vga"),
    ("console_speed=9600", "com1=9600,8n1"),
    ("console=com2,vga", "com2=115200,8n1 console=com2,vga"),
    ("console=com1,com2\nconsole_speed=auto\nconsole_port=0x3e8,5", "com1=auto,8n1,0x3e8,5 com2=auto,8n1 console=com1,com2"),
    ("console=com1H,com1L\nconsole_port=pci", "com1=115200,8n1,pci console=com1H,com1L"),
    ("console=vga\nconsole_speed=9600", "console=vga"),
    ("vga=gfx-1024x768x32,keep", "vga=gfx-1024x768x32,keep"),
    ("nmi_watchdog=force", "watchdog=force"),
    ("noreboot=yes", "noreboot=yes"),
    ("verbose=yes", "loglvl=all guest_loglvl=all"),
    ("verbose=no", ""),
    ("watchdog=yes\nxen_options=smt=no", "dom0-watchdog=600 smt=no"),
])
def test_option_of_xen(options, line, words):
    assert options("xen", line + "\n") == f"{START} {words}".strip() + "\n"


@pytest.mark.parametrize("line, words", [
    ("msi=no", "pci=nomsi"), ("msi=yes", ""), ("pcie_aspm=off", "pcie_aspm=off"), ("nomodeset=yes", "nomodeset"),
    ("nomodeset=no", ""), ("verbose=yes\nlinux_options=quiet", "loglevel=8 quiet"),
])
def test_option_of_linux(options, line, words):
    assert options("linux", line + "\n") == words + "\n"


def test_microcode(options):
    assert options("xen", "ucode=default\n") == START.replace(" ucode=scan", "") + "\n"
    assert "ucode=-1,nmi=no" in options("xen", "ucode=-1,nmi=no\n")


def test_a_key_that_is_set_by_name_wins_over_the_preset(options):
    """Whatever their order; `default` takes the preset's option away."""
    assert options("xen", "preset=safe\n") == f"{START} max_cstate=1 msi=no iommu=no\n"
    assert options("xen", "max_cstate=3\npreset=safe\nmsi=default\n") == f"{START} max_cstate=3 iommu=no\n"
    assert options("linux", "preset=safe\nmsi=default\n") == "nomodeset\n"
    assert options("xen", "preset=default\n") == START + "\n"


def presets():
    """{name: {key: value}}"""
    found = {}
    for line in (LIBRARY / "presets").read_text().splitlines():
        if re.match(r"[a-z-]+: ", line):
            found[line.split(":")[0]] = {}
        elif line and line[0] != "#":
            name, setting = line.split()
            key, value = setting.split("=", 1)
            found[name][key] = value
    return found


def test_presets_are_possible(options):
    """Each is known to host.conf, and each of its keys has a valid value and is an option."""
    assert set(presets()) == {"default", "low-latency", "safe", "hardened", "lab"}
    for name, keys in presets().items():
        named = "".join("%s=%s\n" % item for item in keys.items())
        for kind in ("xen", "linux"):
            assert options(kind, f"preset={name}\n") == options(kind, named)
        for key in keys:
            assert options("xen", "") + options("linux", "") != \
                options("xen", f"{key}={keys[key]}\n") + options("linux", f"{key}={keys[key]}\n")


def menu():
    """{id: (Xen's options, Linux's options)} of the boot menu."""
    rows = [line.split("|") for line in (TOP / "iso/menu").read_text().splitlines() if re.match("entry|preset", line)]
    return {row[1]: (row[4], row[5]) for row in rows}


def test_entries_of_the_menu_are_the_presets(options):
    """`safe` has more: no watchdog."""
    entries = menu()
    entries["safe"] = tuple(re.sub(r" (dom0-watchdog=0|xenith.watchdog=no)$", "", text) for text in entries["safe"])
    for name in set(presets()) - {"default"}:
        xen = options("xen", f"preset={name}\n").strip()[len(START) + 1:]
        assert entries[name] == (xen, options("linux", f"preset={name}\n").strip())


def test_menus(tmp_path):
    """The presets are in a submenu, for each boot loader. GRUB waits for a key once all entries are known."""
    (tmp_path / "xen.options").write_text("dom0_mem=1G\n")
    (tmp_path / "release").write_text("RELEASE=7\n")

    def write(*arguments):
        return subprocess.run(["sh", TOP / "iso/boot-menu.sh", *arguments], capture_output=True, text=True, check=True).stdout

    medium = ["XENITH_1", tmp_path, tmp_path / "release"]
    for text, last in ((write("grub", "/boot", *medium), "pause"), (write("disk", TOP / "install/grub.cfg"), "ask_or_pause")):
        assert "set timeout=2" not in text and "\nfunction %s {\n" % last in text
        text = text.removesuffix("\n%s\n" % last)
        assert re.search(r"(?m)^submenu .* --id presets \{(\n\n?\tmenuentry .* --id [a-z-]+ \{\n(\t\t.*\n)+\t\})+\n\}\n\Z", text)
        assert re.findall(r"(?m)^\tmenuentry .* --id (\S+)", text.split("\nsubmenu ")[1]) == ["low-latency", "hardened", "lab"]
    # Only an installed disk names its drive, and may use another one.
    assert [" --id otherconfig " in text for text in (write("grub", "/boot", *medium), write("disk", TOP / "install/grub.cfg"))] == \
        [False, True]
    assert "$linux xenith.config_drive=any xenith.entry=otherconfig" in write("slot", tmp_path)
    # A medium starts an installed disk; a machine that booted from the network has its firmware for that.
    assert [" --id disk " in write("grub", boot, *medium) for boot in ("/boot", "")] == [True, False]
    # After it has looked for other disks, the medium is found again by its name.
    text = write("grub", "/boot", *medium)
    assert "search --no-floppy --file --set=root /xenith/XENITH_1\n" in text and "@MEDIUM@" not in text
    text = write("pxelinux", "", *medium)
    assert re.findall(r"(?m)^LABEL (\S+)", text.split("\nMENU BEGIN presets\n")[1].split("\nMENU END\n")[0]) == \
        ["low-latency", "hardened", "lab"]
    assert "xen.gz com1=115200,8n1 console=com1,vga dom0_mem=1G smt=no " in text
    assert '[ "$entry" = hardened ]; then\n\txenith "com1=115200,8n1 console=com1,vga $xen smt=no ' in write("slot", tmp_path)


def preset(*arguments, conf=None):
    done = subprocess.run(["sh", LIBRARY / "preset", *arguments], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "XENITH_CONFIG": str(conf or "/nonexistent")})
    return done.returncode, done.stdout, done.stderr


def test_preset_list(tmp_path):
    status, out, _ = preset("list")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()][0] == ["*", "default"]
    (tmp_path / "host.conf").write_text("preset=lab\n")
    marked = [line.split()[1] for line in preset("list", conf=tmp_path)[1].splitlines() if line[0] == "*"]
    assert marked == ["lab"]


def test_preset_show(tmp_path):
    (tmp_path / "host.conf").write_text("preset=lab\nmsi=yes\niommu=\n")
    assert preset("show", "safe", conf=tmp_path) == (0, """\
safe: for a machine that hangs; slow, and no PCI devices for guests
  max_cstate=1
  msi=no   (host.conf: msi=yes)
  iommu=no
  nomodeset=yes
Xen: max_cstate=1 msi=no iommu=no
Linux: pci=nomsi nomodeset
""", "")
    assert preset("show", "default")[1].count("\n") == 1


def test_preset_diff():
    assert preset("diff", "safe", "low-latency") == (
        1, "+ dom0_vcpus_pin=yes\n+ cpufreq=xen:performance\n+ pcie_aspm=off\n- msi=no\n- iommu=no\n- nomodeset=yes\n", "")
    assert preset("diff", "lab", "lab") == (0, "", "")


@pytest.mark.parametrize("arguments, status, message", [
    ((), 2, "expected list, show or diff"), (("paint",), 2, "there is no paint"), (("show",), 2, "show takes the name"),
    (("diff", "safe"), 2, "diff takes the names"), (("list", "x"), 2, 'unexpected argument "x"'),
    (("show", "fast"), 1, 'unknown preset "fast"; there are: default low-latency safe hardened lab'),
    (("show", ".*"), 1, 'unknown preset ".*"'), (("diff", "safe", "#"), 1, 'unknown preset "#"'),
])
def test_preset_of_wrong_words(arguments, status, message):
    found = preset(*arguments)
    assert found[0] == status and message in found[2]


def test_usage(tmp_path):
    done = subprocess.run(["sh", LIBRARY / "boot-options", "bsd", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected xen or linux" in done.stderr
