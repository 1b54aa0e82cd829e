"""nvme-tcp: finding an existing controller."""
import pytest

from conftest import SCRIPTS

NQN = "nqn.2026-11.org.example:web"


@pytest.fixture
def nvme(dom0):
    """Run it; returns (status, output)."""
    def call(*args):
        done = dom0.run("../../../usr/sbin/nvme-tcp", *args, NVME_CLASS=str(dom0.top / "sys/class"), NVME_HOSTS=str(dom0.top / "hosts"),
                        NVME_LIB=str(SCRIPTS.parents[2] / "usr/lib/xenith"))
        return done.returncode, (done.out + done.err).strip()

    return call


def controller(dom0, name, address, nqn=NQN, state="live", transport="tcp"):
    directory = dom0.top / "sys/class/nvme" / name
    directory.mkdir(parents=True)
    for key, value in {"address": address, "subsysnqn": nqn, "state": state, "transport": transport}.items():
        (directory / key).write_text(value + "\n")


@pytest.mark.parametrize("target, found", [
    ("192.0.2.7", "nvme1"), ("192.0.2.7:4420", "nvme1"), ("[2001:db8::7]:4421", "nvme3"),
    ("192.0.2.70", None), ("192.0.2.7:44", None), ("192.0.2.8", None), ("192.0.2.9", None),
])
def test_controller_that_is_there(dom0, nvme, target, found):
    controller(dom0, "nvme0", "0000:01:00.0", "nqn.2014.08.org.nvmexpress:own", transport="pcie")
    controller(dom0, "nvme1", "traddr=192.0.2.7,trsvcid=4420,src_addr=192.0.2.1")
    controller(dom0, "nvme2", "traddr=192.0.2.8,trsvcid=4420", state="deleting")
    controller(dom0, "nvme3", "traddr=2001:db8::7,trsvcid=4421")
    controller(dom0, "nvme4", "traddr=192.0.2.9,trsvcid=4420", NQN + "2")
    assert nvme("connect", target, NQN) == (
        (0, found) if found else (
            1, "nvme-tcp: cannot connect to %s at %s: the kernel has no NVMe over TCP (module nvme-tcp)" % (
                NQN, target.partition(":")[0])))


@pytest.mark.parametrize("name", ["store", "store.example:4420"])
def test_name_in_hosts(dom0, nvme, name):
    (dom0.top / "hosts").write_text("192.0.2.6 other store2\n192.0.2.7\tstore.example store # ours\n")
    controller(dom0, "nvme1", "traddr=192.0.2.7,trsvcid=4420")
    assert nvme("connect", name, NQN) == (0, "nvme1")


def test_no_nvme_at_all(nvme):
    assert nvme("connect", "192.0.2.7", NQN)[0] == 1


@pytest.mark.parametrize("args, error", [
    (("connect", "store:x", NQN), "store:x: 'x' is no port"),
    (("connect", "2001:db8::7", NQN), "2001:db8::7: an IPv6 address stands in brackets, as [2001:db8::7]:4420"),
    (("connect", "store", "web"), 'invalid NQN "web": it begins with nqn.'),
    (("disconnect", "nvme7"), "no such controller: nvme7; see nvme-tcp list"),
])
def test_what_is_wrong(nvme, args, error):
    assert nvme(*args) == (1, f"nvme-tcp: {error}")
