/* The command `manifest DEVICE` and the verifier that belongs to it.
 *
 * The partitions of an installed host that Xen and Linux are loaded from have a file
 * `manifest`, which lists the other files with sizes and SHA-256 (docs/install.md). Once
 * the command has read it, GRUB opens no file of that partition whose content differs.
 * The hash is taken of the very bytes that a loader gets: the disk is read once.
 *
 * This finds damage. Whoever can write to the disk can write a matching manifest.
 *
 * The command sets manifest_version and manifest_order, the latter padded with zeros, so
 * that a comparison of strings finds the newer one. It fails if there is no valid manifest.
 */
#include <grub/types.h>
#include <grub/misc.h>
#include <grub/mm.h>
#include <grub/err.h>
#include <grub/dl.h>
#include <grub/command.h>
#include <grub/crypto.h>
#include <grub/device.h>
#include <grub/disk.h>
#include <grub/env.h>
#include <grub/file.h>
#include <grub/partition.h>
#include <grub/verify.h>
#include <grub/normal.h>
#include <grub/i18n.h>

GRUB_MOD_LICENSE ("GPLv2+");

#define DIGEST_SIZE 32
#define ORDER_DIGITS 20

struct entry
{
  struct entry *next;
  char *name;
  grub_uint64_t size;
  grub_uint8_t digest[DIGEST_SIZE];
};

/* What identifies a partition, whatever name a script calls it by.  */
struct place
{
  enum grub_disk_dev_id driver;
  unsigned long disk;
  grub_disk_addr_t start;
};

struct manifest
{
  struct manifest *next;
  struct place place;
  struct entry *entries;
};

static struct manifest *manifests;

static int
place_get (grub_device_t device, struct place *place)
{
  if (! device || ! device->disk)
    return 0;
  place->driver = device->disk->dev->id;
  place->disk = device->disk->id;
  place->start = grub_partition_get_start (device->disk->partition);
  return 1;
}

static int
place_equal (const struct place *a, const struct place *b)
{
  return a->driver == b->driver && a->disk == b->disk && a->start == b->start;
}

static void
manifest_free (struct manifest *m)
{
  struct entry *e;

  while ((e = m->entries))
    {
      m->entries = e->next;
      grub_free (e->name);
      grub_free (e);
    }
  grub_free (m);
}

/* Forgets what was read from this partition before.  */
static void
manifest_forget (const struct place *place)
{
  struct manifest **p = &manifests;

  while (*p)
    {
      struct manifest *m = *p;

      if (place_equal (&m->place, place))
	{
	  *p = m->next;
	  manifest_free (m);
	}
      else
	p = &m->next;
    }
}

/* Cuts the next word off *REST; words are separated by one blank.  */
static char *
word_next (char **rest)
{
  char *word = *rest;
  char *end;

  if (! word || ! *word || *word == ' ')
    return 0;
  end = grub_strchr (word, ' ');
  if (end)
    *end++ = '\0';
  *rest = end;
  return word;
}

static int
decimal_valid (const char *s, grub_size_t digits)
{
  grub_size_t n;

  for (n = 0; s[n]; n++)
    if (! grub_isdigit (s[n]) || n == digits)
      return 0;
  return n > 0;
}

static int
hex_digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

static int
digest_parse (const char *hex, grub_uint8_t *digest)
{
  int i;

  if (grub_strlen (hex) != 2 * DIGEST_SIZE)
    return 0;
  for (i = 0; i < DIGEST_SIZE; i++)
    {
      int high = hex_digit (hex[2 * i]);
      int low = hex_digit (hex[2 * i + 1]);

      if (high < 0 || low < 0)
	return 0;
      digest[i] = high << 4 | low;
    }
  return 1;
}

/* file NAME SIZE SHA256, of which "file" is already gone.  */
static int
entry_parse (struct manifest *m, char *rest)
{
  char *name = word_next (&rest);
  char *size = word_next (&rest);
  char *hex = word_next (&rest);
  struct entry *e;

  if (! name || ! size || ! hex || rest || grub_strchr (name, '/')
      || ! decimal_valid (size, 15))
    return 0;
  e = grub_zalloc (sizeof (*e));
  if (! e)
    return 0;
  e->next = m->entries;
  m->entries = e;
  e->name = grub_strdup (name);
  e->size = grub_strtoull (size, 0, 10);
  return e->name && digest_parse (hex, e->digest);
}

static int
order_export (const char *order)
{
  char padded[ORDER_DIGITS + 1];
  grub_size_t length = grub_strlen (order);

  if (! decimal_valid (order, ORDER_DIGITS))
    return 0;
  grub_memset (padded, '0', ORDER_DIGITS);
  grub_strcpy (padded + ORDER_DIGITS - length, order);
  return grub_env_set ("manifest_order", padded) == GRUB_ERR_NONE;
}

/* Reads one line into M and the variables; N counts from 0.  */
static int
line_parse (struct manifest *m, char *line, unsigned n)
{
  char *rest = line;
  char *key;

  if (n == 0)
    return grub_strcmp (line, "xenith-manifest 1") == 0;
  key = word_next (&rest);
  if (! key || ! rest)
    return 0;
  if (n == 1)
    return grub_strcmp (key, "version") == 0
	   && grub_env_set ("manifest_version", rest) == GRUB_ERR_NONE;
  if (n == 2)
    return grub_strcmp (key, "order") == 0 && order_export (rest);
  return grub_strcmp (key, "file") == 0 && entry_parse (m, rest);
}

static grub_err_t
manifest_read (grub_file_t file, struct manifest *m)
{
  unsigned n = 0;
  char *line;

  while ((line = grub_file_getline (file)))
    {
      int ok = line_parse (m, line, n++);

      grub_free (line);
      if (! ok)
	{
	  if (! grub_errno)
	    grub_error (GRUB_ERR_BAD_FILE_TYPE, "invalid manifest: line %u", n);
	  return grub_errno;
	}
    }
  if (! grub_errno && ! m->entries)
    grub_error (GRUB_ERR_BAD_FILE_TYPE, "invalid manifest: names no file");
  return grub_errno;
}

static grub_err_t
cmd_manifest (grub_command_t cmd __attribute__ ((unused)), int argc, char **args)
{
  struct manifest *m = 0;
  struct place place;
  grub_file_t file = 0;
  char *name = 0;

  grub_env_unset ("manifest_version");
  grub_env_unset ("manifest_order");
  if (argc != 1)
    return grub_error (GRUB_ERR_BAD_ARGUMENT, "usage: manifest DEVICE");

  name = grub_xasprintf ("(%s)/manifest", args[0]);
  if (! name)
    goto out;
  file = grub_file_open (name, GRUB_FILE_TYPE_HASHLIST | GRUB_FILE_TYPE_NO_DECOMPRESS);
  if (! file)
    goto out;
  if (! place_get (file->device, &place))
    {
      grub_error (GRUB_ERR_BAD_DEVICE, "%s: not on a disk", args[0]);
      goto out;
    }
  manifest_forget (&place);
  m = grub_zalloc (sizeof (*m));
  if (! m)
    goto out;
  m->place = place;
  if (manifest_read (file, m))
    goto out;
  m->next = manifests;
  manifests = m;
  m = 0;

 out:
  if (m)
    manifest_free (m);
  if (file)
    grub_file_close (file);
  grub_free (name);
  if (grub_errno)
    {
      grub_env_unset ("manifest_version");
      grub_env_unset ("manifest_order");
    }
  return grub_errno;
}

/* The part of a file's name behind the device and the first slash.  */
static const char *
name_base (const char *name)
{
  const char *end = name[0] == '(' ? grub_strchr (name, ')') : 0;

  if (end)
    name = end + 1;
  while (*name == '/')
    name++;
  return name;
}

static grub_err_t
verify_init (grub_file_t io, enum grub_file_type type, void **context,
	     enum grub_verify_flags *flags)
{
  struct manifest *m;
  struct entry *e;
  struct place place;

  *context = 0;
  *flags = GRUB_VERIFY_FLAGS_SKIP_VERIFICATION;
  if ((type & GRUB_FILE_TYPE_MASK) == GRUB_FILE_TYPE_HASHLIST
      || ! place_get (io->device, &place))
    return GRUB_ERR_NONE;
  for (m = manifests; m && ! place_equal (&m->place, &place); m = m->next)
    ;
  if (! m)
    return GRUB_ERR_NONE;

  for (e = m->entries; e; e = e->next)
    if (grub_strcmp (e->name, name_base (io->name)) == 0)
      break;
  if (! e)
    return grub_error (GRUB_ERR_ACCESS_DENIED, "%s: not in the manifest", io->name);
  if (io->size != e->size)
    return grub_error (GRUB_ERR_ACCESS_DENIED, "%s: size differs from the manifest", io->name);
  *context = e;
  *flags = GRUB_VERIFY_FLAGS_SINGLE_CHUNK;
  return GRUB_ERR_NONE;
}

static grub_err_t
verify_write (void *context, void *buf, grub_size_t size)
{
  struct entry *e = context;
  grub_uint8_t digest[DIGEST_SIZE];

  grub_crypto_hash (GRUB_MD_SHA256, digest, buf, size);
  if (grub_memcmp (digest, e->digest, DIGEST_SIZE) != 0)
    return grub_error (GRUB_ERR_ACCESS_DENIED, "%s: SHA-256 differs from the manifest", e->name);
  return GRUB_ERR_NONE;
}

static struct grub_file_verifier verifier =
  {
    .name = "manifest",
    .init = verify_init,
    .write = verify_write
  };

static grub_command_t cmd;

GRUB_MOD_INIT(manifest)
{
  cmd = grub_register_command ("manifest", cmd_manifest, N_("DEVICE"),
			       N_("Verify the files of DEVICE by its manifest."));
  grub_verifier_register (&verifier);
}

GRUB_MOD_FINI(manifest)
{
  grub_verifier_unregister (&verifier);
  grub_unregister_command (cmd);
  while (manifests)
    manifest_forget (&manifests->place);
}
