/* The command `connectefi`: has the firmware set up all drives.
 *
 * A firmware that starts fast connects its drivers only to the devices in its boot order
 * (OVMF with QEMU's bootindex, VMware's quick boot, most of the PCs that are sold), so that
 * GRUB sees the medium that it was loaded from and no other drive. ConnectController (UEFI
 * Specification 2.10, 7.3.12) on each PCI root bridge, with all that is below it, starts the
 * other drivers. GRUB looks for drives once; the command has it do so again, after which the
 * drives may have other numbers.
 */
#include <grub/types.h>
#include <grub/mm.h>
#include <grub/err.h>
#include <grub/dl.h>
#include <grub/command.h>
#include <grub/disk.h>
#include <grub/i18n.h>
#include <grub/efi/api.h>
#include <grub/efi/efi.h>
#include <grub/efi/disk.h>

GRUB_MOD_LICENSE ("GPLv2+");

/* EFI_PCI_ROOT_BRIDGE_IO_PROTOCOL_GUID, UEFI Specification 2.10, 14.2.  */
static grub_guid_t root_bridge =
  { 0x2f707ebb, 0x4a1a, 0x11d4, { 0x9a, 0x38, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d } };

static grub_err_t
grub_cmd_connectefi (grub_command_t cmd __attribute__ ((unused)),
		     int argc __attribute__ ((unused)),
		     char **args __attribute__ ((unused)))
{
  grub_efi_boot_services_t *services = grub_efi_system_table->boot_services;
  grub_efi_handle_t *handles;
  grub_efi_uintn_t number, i;

  handles = grub_efi_locate_handle (GRUB_EFI_BY_PROTOCOL, &root_bridge, 0, &number);
  if (! handles)
    return grub_error (GRUB_ERR_BAD_DEVICE, N_("the firmware has no PCI root bridge"));

  /* It fails for a device that no driver wants; that changes nothing for the others.  */
  for (i = 0; i < number; i++)
    services->connect_controller (handles[i], 0, 0, 1);
  grub_free (handles);

  grub_efidisk_reenumerate ();
  return GRUB_ERR_NONE;
}

static grub_command_t cmd;

GRUB_MOD_INIT (connectefi)
{
  cmd = grub_register_command ("connectefi", grub_cmd_connectefi, 0,
			       N_("Have the firmware set up all drives."));
}

GRUB_MOD_FINI (connectefi)
{
  grub_unregister_command (cmd);
}
