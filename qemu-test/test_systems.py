"""Guests that this project did not build, to their first screen."""

import pytest

import drives

pytestmark = pytest.mark.slow


def domain(name, kind, *lines):
    return "\n".join((
        'name = "%s"' % name, 'type = "%s"' % kind, "memory = 640",
        'kernel = "/config/images/linux"', 'ramdisk = "/config/images/initrd.gz"',
        'extra = "console=hvc0 priority=low DEBIAN_FRONTEND=text"',
        'ready = "created"', 'on_stop = "destroy"', 'vif = [ "mac=00:16:3e:00:71:%02x" ]' % len(name),
        *lines)) + "\n"


@pytest.fixture(scope="module")
def machine(boot, iso, tmp_path_factory):
    installer = drives.package("debian-installer")
    if not installer:
        pytest.skip("not built: ./build.sh package debian-installer")
    directory = tmp_path_factory.mktemp("config")
    tree = {"host.conf": "console_shell=yes\nautostart=no\n",
            "domains/10-hello-pvh.cfg": "# not here\n",
            "domains/20-hello-pv.cfg": "# not here\n",
            "domains/pv.cfg": domain("installer-pv", "pv"),
            "domains/pvh.cfg": domain("installer-pvh", "pvh"),
            "images/linux": installer / "debian-installer/linux",
            "images/initrd.gz": installer / "debian-installer/initrd.gz"}
    drive = drives.partitioned_vfat(directory / "config.img",
                                    drives.write_tree(directory / "tree", tree), 128)
    return boot("systems", iso, drives=[drive]).wait_ready()


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_debian_installer(machine, kind):
    """Debian's kernel and ramdisk come up to the installer's first question."""
    name = "installer-" + kind
    machine.out("xenith start --wait %s" % name, 600)
    machine.out("n=0; until grep -aqE 'Debian installer main menu|Select a language|Choose language' "
                "/var/log/xen/console/guest-%s.log; do n=$((n+1)); [ $n -lt 900 ] || exit 1; sleep 1; done"
                % name, 1000)
    machine.out("xenith stop --wait %s" % name, 300)
