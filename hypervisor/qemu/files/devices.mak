# The devices that the device model can give to a Xen guest; no other is built in.

# The machine: Intel's 440FX with its fixed devices.
CONFIG_I440FX=y

# Graphics cards: stdvga=1, or Cirrus.
CONFIG_VGA_PCI=y
CONFIG_VGA_CIRRUS=y

# Network cards (`model=` in vif), used until the guest's PV drivers take over.
CONFIG_E1000_PCI=y
CONFIG_RTL8139_PCI=y

# Disks: IDE is part of the machine; AHCI is for hdtype="ahci".
CONFIG_AHCI_ICH9=y
CONFIG_NVME_PCI=y

# USB: controllers (usbversion= and usbctrl; libxl's USB 3 controller is NEC's), tablets
# and keyboards (usbdevice="tablet"), and sticks. Devices of the host need only libusb.
CONFIG_USB_UHCI=y
CONFIG_USB_EHCI_PCI=y
CONFIG_USB_XHCI_NEC=y
CONFIG_USB_HID=y
CONFIG_USB_STORAGE_CLASSIC=y

