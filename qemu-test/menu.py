"""The boot menu of a medium."""

import re

import drives

MENU = "boot/grub/grub.cfg"


def entries(iso, directory):
    """The identifiers of the menu's entries, in order, from the image."""
    copy = directory / "grub.cfg"
    drives.run(drives.tool("xorriso", "libisoburn"), "-no_rc", "-osirrox", "on", "-indev", str(iso),
               "-extract", "/" + MENU, str(copy))
    return re.findall(r"^menuentry .* --id (\S+)", copy.read_text(), re.M)


def show(console, firmware, press):
    """Press Esc until the menu is there."""
    # Before that, UEFI takes the key for its own menu.
    if firmware == "uefi":
        console.wait("BdsDxe: starting")
    while not console.poll(lambda text: "presets" in text, 0.15):
        assert not console.ended, console.transcript.tail()
        press()
    # The keys that came too late.
    console.poll(lambda text: False, 1)


def by_serial(machine, steps):
    show(machine.console, machine.firmware, lambda: machine.console.send("\x1b"))
    for _ in range(steps):
        machine.console.send("\x1b[B")
        # If sent too fast, the escape sequences of two keys are merged.
        machine.console.poll(lambda text: False, 0.3)
    machine.console.send("\r")


def by_keyboard(machine, steps):
    show(machine.console, machine.firmware, lambda: machine.qmp.press("esc"))
    machine.qmp.press(*["down"] * steps, "ret")


def choose(machine, known, entry, press):
    """Start the entry of that identifier, of those that are known, by the function `press`."""
    press(machine, known.index(entry))
    return machine.wait_ready()
