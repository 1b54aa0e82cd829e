"""`network/antispoof`, which guards the cards that are connected already."""
import network
import pytest

from guard import GUARDED, UNGUARDED, cannot_be_guarded, filters, program

BACKEND = "backend/vif/3/0"


@pytest.fixture
def bridged(dom0):
    dom0.interface("xenbr0")
    dom0.interface("vif3.0")
    dom0.write(BACKEND, {"bridge": "xenbr0", "mac": "00:16:3e:01:02:03"})
    return dom0


def antispoof(dom0, *ports):
    """network/antispoof, with these ports of xenbr0."""
    for port in ports:
        (dom0.top / "sys/class/net/xenbr0/brif" / port).mkdir(parents=True)
    (dom0.top / "run/networks/facts").write_text(GUARDED)
    return dom0.run(network.NET / "antispoof", str(dom0.top / "run/networks/facts"),
                    XENITH_NET_SYS=f"{dom0.top}/sys/class/net")


def test_connected_cards_of_any_name(bridged):
    """A vif that vifname has renamed, and its emulated card; no card of the host."""
    for name, device in (("web", "vif-3-0"), ("web-emu", None), ("eth0", "0000:03:00.0")):
        bridged.interface(name)
        if device:
            (bridged.top / "sys/class/net" / name / "device").symlink_to(f"../../../{device}")
    bridged.write(BACKEND, {"ip": "10.0.0.7"})
    done = antispoof(bridged, "web", "web-emu", "eth0")
    assert (done.returncode, done.err) == (0, "")
    assert filters(bridged) == {"web": program("web", "10.0.0.7"), "web-emu": program("web-emu", "10.0.0.7")}


@pytest.mark.parametrize("failure", UNGUARDED)
def test_connected_card_that_cannot_be_guarded(bridged, failure):
    """The change fails, and the other cards are guarded."""
    bridged.write("backend/vif/4/0", {"mac": "00:16:3e:01:02:03", "ip": "10.0.0.7"})
    cannot_be_guarded(bridged, failure)
    done = antispoof(bridged, "vif3.0", "vif4.0")
    assert done.returncode == 1 and "cannot guard vif3.0: " in done.err
    assert UNGUARDED[failure] in done.err
    assert set(filters(bridged)) == (set() if failure == "tc" else {"vif4.0"})
