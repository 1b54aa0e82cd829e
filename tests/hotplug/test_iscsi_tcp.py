"""iscsi-tcp: login and logout of sessions, and the handling of secrets."""
import pytest

from conftest import SCRIPTS

IQN = "iqn.2026-11.org.example:web"
SECRETS = f"* other otherothersecret\n{IQN} alpha oursecretoursecret store theirsecrettheirs\n"


@pytest.fixture
def iscsi(dom0):
    """Run it with a working iscsid; returns (status, output)."""
    top = dom0.top
    (top / "proc/net").mkdir()
    (top / "proc/net/unix").write_text("ffff: 00000002 00000000 00010000 0001 01 7 @ISCSIADM_ABSTRACT_NAMESPACE\n")

    def call(*args, **environment):
        done = dom0.run(
            "../../../usr/sbin/iscsi-tcp", *args, ISCSI_SYS=str(top / "sys"), ISCSI_PROC=str(top / "proc"),
            ISCSI_DB=str(top / "db"), ISCSI_LIB=str(SCRIPTS.parents[2] / "usr/lib/xenith"),
            ISCSI_SECRETS=str(top / "secrets"), ISCSI_LOG=str(top / "messages"), **environment)
        return done.returncode, (done.out + done.err).strip()

    return call


def test_a_session_comes_and_goes(dom0, iscsi):
    assert iscsi("connect", "store", IQN) == (0, "session1")
    assert iscsi("list") == (0, f"session1 LOGGED_IN store:3260 {IQN}")
    assert iscsi("connect", "store:3260", IQN) == (0, "session1")
    assert dom0.text("iscsiadm.log").count("--login") == 1
    assert iscsi("disconnect", "session1") == (0, "")
    assert iscsi("list") == (0, "")
    assert not list((dom0.top / "db").glob("nodes/*"))


@pytest.mark.parametrize("portal, shown", [
    ("[2001:db8::7]", "[2001:db8::7]:3260"), ("[2001:db8::7]:3261", "[2001:db8::7]:3261"),
    ("192.0.2.7:3261", "192.0.2.7:3261"),
])
def test_any_kind_of_portal(dom0, iscsi, portal, shown):
    (dom0.top / "secrets").write_text(SECRETS)
    assert iscsi("connect", portal, IQN) == (0, "session1")
    assert "password = oursecretoursecret\n" in dom0.text("record")
    assert iscsi("connect", portal, IQN) == (0, "session1")
    assert dom0.text("iscsiadm.log").count("--login") == 1
    assert iscsi("list") == (0, f"session1 LOGGED_IN {shown} {IQN}")
    assert iscsi("disconnect", "session1") == (0, "")
    assert not list((dom0.top / "db").glob("nodes/*"))


def test_portal_whose_address_begins_another(dom0, iscsi):
    """Its secrets are only in its own record."""
    (dom0.top / "secrets").write_text(SECRETS)
    others = [dom0.top / f"db/nodes/{IQN}/{name}" for name in
              (*(f"192.0.2.7{n},3260" for n in range(8)), "192.0.2.7,32600", "192.0.2.7,326")]
    others[0].parent.mkdir(parents=True)
    for other in others:
        other.write_text("another\n")
    assert iscsi("connect", "192.0.2.7", IQN) == (0, "session1")
    assert "password = oursecretoursecret\n" in dom0.text("record")
    assert {other.read_text() for other in others} == {"another\n"}


def test_secrets_are_in_the_record_and_nowhere_else(dom0, iscsi):
    (dom0.top / "secrets").write_text(SECRETS)
    assert iscsi("connect", "store", IQN) == (0, "session1")
    assert dom0.text("record").splitlines()[1:] == [
        "node.session.auth.authmethod = CHAP",
        "node.session.auth.username = alpha", "node.session.auth.password = oursecretoursecret",
        "node.session.auth.username_in = store", "node.session.auth.password_in = theirsecrettheirs"]
    assert dom0.text("mode") == "600\n"
    assert "secret" not in dom0.text("iscsiadm.log")


def test_the_target_s_own_line_wins_wherever_it_stands(dom0, iscsi):
    (dom0.top / "secrets").write_text("".join(reversed(SECRETS.splitlines(keepends=True))))
    iscsi("connect", "store", IQN)
    assert "password = oursecretoursecret\n" in dom0.text("record")
    assert "otherothersecret" not in dom0.text("record")


def test_secrets_for_all_others(dom0, iscsi):
    (dom0.top / "secrets").write_text(SECRETS)
    iscsi("connect", "store", IQN + "2")
    assert "password = otherothersecret\n" in dom0.text("record")
    assert "username_in" not in dom0.text("record")


@pytest.mark.parametrize("status, says, reason", [
    (24, "login failed to authenticate", "the target rejects the credentials; correct /config/iscsi-secrets"),
    (19, "", "encountered non-retryable iSCSI login failure"),
    (19, "conn 0 login rejected: target removed", "conn 0 login rejected: target removed"),
    (8, "connect to 192.0.2.7 timed out", "connect to 192.0.2.7 timed out"),
    (8, "", "the server does not answer"),
])
def test_why_there_is_no_session(dom0, iscsi, status, says, reason):
    """The error names target and portal; no secret is left behind."""
    (dom0.top / "secrets").write_text(SECRETS)
    assert iscsi("connect", "store:3261", IQN, ISCSIADM_STATUS=str(status), DAEMON_SAYS=says) == (
        1, f"iscsi-tcp: cannot log in to {IQN} at store, port 3261: {reason}")
    assert not list((dom0.top / "db").glob("nodes/*"))


def test_an_earlier_failure_is_not_the_reason(dom0, iscsi):
    iscsi("connect", "store", IQN, ISCSIADM_STATUS="8", DAEMON_SAYS="connect to 192.0.2.7 timed out")
    assert "timed out" in dom0.text("messages")
    assert iscsi("connect", "store", IQN, ISCSIADM_STATUS="8")[1].endswith(": the server does not answer")


@pytest.mark.parametrize("args, error", [
    (("connect", "store:x", IQN), "store:x: 'x' is no port"),
    (("connect", "2001:db8::7", IQN), "2001:db8::7: an IPv6 address stands in brackets, as [2001:db8::7]:3260"),
    (("connect", "store", "web"), 'invalid target "web": a name begins with iqn., eui. or naa.'),
    (("disconnect", "session7"), "no such session: session7; see iscsi-tcp list"),
    (("device", "session7", "0"), "no such session: session7; see iscsi-tcp list"),
])
def test_what_is_wrong(iscsi, args, error):
    assert iscsi(*args) == (1, f"iscsi-tcp: {error}")


def test_usage(iscsi):
    status, said = iscsi("connect", "store")
    assert status == 2 and said.startswith("usage: iscsi-tcp connect PORTAL TARGET")
