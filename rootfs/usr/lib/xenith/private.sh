# shellcheck shell=sh
# Permissions of secret files.

# others_read FILE: true if others than its owner may read it, on a file system that has
# owners.
others_read() {
	case $(stat -L -f -c %T "$1") in msdos | exfat | isofs | fuseblk | v9fs) return 1 ;; esac
	case $(stat -L -c %a "$1") in *00) return 1 ;; esac
}
