# shellcheck shell=sh
# Files with secrets in them.

# others_read FILE: whether others than its owner may read it, as far as the file
# system knows of owners.
others_read() {
	case $(stat -L -f -c %T "$1") in msdos | exfat | isofs | fuseblk | v9fs) return 1 ;; esac
	case $(stat -L -c %a "$1") in *00) return 1 ;; esac
}
