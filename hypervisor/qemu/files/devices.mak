# What a guest of Xen can see of the device model; nothing else is built in.

# The machine: Intel's 440FX, with the devices that it always has.
CONFIG_I440FX=y

# Screens (stdvga=1, or Cirrus) and what a guest types with.
CONFIG_VGA_PCI=y
CONFIG_VGA_CIRRUS=y

# Network cards: `model=` in vif, before the guest's own drivers take over.
CONFIG_E1000_PCI=y
CONFIG_RTL8139_PCI=y

# Disks: IDE comes with the machine; hdtype="ahci".
CONFIG_AHCI_ICH9=y
CONFIG_NVME_PCI=y

# USB: controllers (usbversion= and usbctrl; libxl's third is NEC's), what a guest
# points and types with (usbdevice="tablet"), sticks. The host's own devices: libusb.
CONFIG_USB_UHCI=y
CONFIG_USB_EHCI_PCI=y
CONFIG_USB_XHCI_NEC=y
CONFIG_USB_HID=y
CONFIG_USB_STORAGE_CLASSIC=y

