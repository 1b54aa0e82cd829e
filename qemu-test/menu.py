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


def by_serial(machine, steps):
    for _ in range(steps):
        machine.console.send("\x1b[B")
        # If sent too fast, the escape sequences of two keys are merged.
        machine.console.poll(lambda text: False, 0.3)
    machine.console.send("\r")


def by_keyboard(machine, steps):
    machine.qmp.press(*["down"] * steps, "ret")


def choose(machine, known, entry, press):
    """Start the entry of that identifier, of those that are known, by the function `press`."""
    # Wait for the title of the first entry; a key stops the countdown.
    machine.console.wait(r"Xenith")
    press(machine, known.index(entry))
    return machine.wait_ready()
