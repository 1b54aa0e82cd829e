#!/bin/sh
# Pins another version of a recipe's source: the newest in the index of the recipe's
# suite, or one that the user names. Writes `version` and `sources`, both or neither;
# recipes with links to them follow.
#
# The files come through the apt client, which verifies the index by the archive's
# signature and each file by the index. The old version is replaced throughout `sources`:
# in upstream URLs, file names and comments. An upstream URL is kept only if its file is
# identical to Debian's.
#
# usage: bump.sh NAME [VERSION]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/engine/fetch.sh
. "$TREE/lib/engine/fetch.sh"
# shellcheck source=lib/commands/changelog.sh
. "$TREE/lib/commands/changelog.sh"
# shellcheck source=lib/commands/versions.sh
. "$TREE/lib/commands/versions.sh"
# shellcheck source=lib/commands/bump-patches.sh
. "$TREE/lib/commands/bump-patches.sh"

tab=$(printf '\t')
work=$(mktemp -d)
written=$work
trap 'rm -rf "$work"; rm -f "$written/.bump.version" "$written/.bump.sources"' EXIT
trap 'exit 130' INT TERM HUP
RUN=$work

# fail MESSAGE: as die; only called while nothing has been changed.
fail() {
	die "cannot bump $recipe: $*; nothing was changed"
}

# replace_version: copies text and replaces the old version by the new one.
replace_version() {
	awk -v pairs="$pairs" -f "$TREE/lib/commands/moved.awk"
}

# find_recipe NAME: sets $dir to the directory whose `sources` is the recipe's.
find_recipe() {
	dir=$(recipe_dirs | awk -F / -v name="$1" '$NF == name')
	[ -n "$dir" ] || fail "no recipe has this name"
	if [ ! -e "$dir/sources" ]; then
		owner=$(readlink -f "$dir/version")
		owner=${owner%/version}
		[ "$owner" = "$(readlink -f "$dir")" ] || fail "its version is that of ${owner##*/}; bump ${owner##*/} instead"
		fail "it has no sources"
	fi
	owner=$(readlink -f "$dir/sources")
	owner=${owner%/sources}
	[ "$owner" = "$(readlink -f "$dir")" ] || say "bump: $recipe shares its source with ${owner##*/}; bumping ${owner##*/}"
	dir=$owner
}

# apt_pins: prints where Debian's archive has the files of the recipe, a line each.
apt_pins() {
	cut -f 4 "$work/pinned" | tr ' ' '\n' | sed -n 's/^apt://p'
}

# find_pin: sets $suite, $package, $version and $kind (deb or deb-src) from the pin in $dir.
find_pin() {
	printf '%s\n' "$dir" | source_lines >"$work/pinned"
	pin=$(apt_pins | head -n 1)
	[ -n "$pin" ] || fail "none of its sources is in Debian's archive; edit ${dir#"$TREE"/}/version and sources by hand"
	split_apt "$pin"
	kind=deb-src
	case $pin in *.deb) kind=deb ;; esac
}

# choose WANTED: prints the version in the index that matches WANTED, or the newest.
choose() {
	versions_of "$state" "$kind" "$package" | while read -r each; do
		case $1 in
		'' | "$each" | "$(without_epoch "$each")" | "$(upstream_of "$each")")
			printf '%s\n' "$each"
			break
			;;
		esac
	done
}

# find_new WANTED: sets $new. The index may be hours old: it is refreshed before a version
# is reported as missing.
find_new() {
	state=$(apt_private "$suite" "$kind") || fail "the index of $suite cannot be read"
	new=$(choose "$1")
	if [ -z "$new" ]; then
		rm -f "$state/updated"
		state=$(apt_private "$suite" "$kind") || fail "the index of $suite cannot be read"
		new=$(choose "$1")
	fi
	known=$(versions_of "$state" "$kind" "$package" | paste -sd ' ' -)
	[ -n "$new" ] || fail "the index of $suite has no ${1:-version} of $package; it has: ${known:-nothing}"
}

# read_index: writes "SHA-256 FILE" of the new version's files to $work/index. A binary
# package gets the file name under which apt stores it.
read_index() {
	index_of "$state" "$kind" "$package" | awk -v version="$new" '
		BEGIN { RS = ""; FS = "\n" }
		index("\n" $0 "\n", "\nVersion: " version "\n") && /\n(Checksums-Sha256:|SHA256: )/ {
			for (i = 1; i <= NF; i++) {
				split($i, word, " ")
				if ($i !~ /^ /) field = word[1]
				if (field == "Checksums-Sha256:" && word[3] != "") print word[1], word[3]
				if (field == "SHA256:") digest = word[2]
				if (field == "Package:") name = word[2]
				if (field == "Architecture:") machine = word[2]
			}
			if (digest != "") {
				gsub(/:/, "%3a", version)
				print digest, name "_" version "_" machine ".deb"
			}
			exit
		}' >"$work/index"
	[ -s "$work/index" ] || fail "the index of $suite names no SHA-256 of $package $new"
}

# index_digest FILE: its SHA-256 in the index.
index_digest() {
	awk -v file="$1" '$2 == file { print $1 }' "$work/index"
}

# new_file FILE: the file of the new version that corresponds to a pinned file. Its
# compression may differ.
new_file() {
	old=$(without_epoch "$version")
	upstream=$(upstream_of "$version")
	case $1 in
	*.deb) stem=.deb ;;
	"${package}_$old".*) stem=${package}_$(without_epoch "$new").${1#"${package}_$old".} ;;
	"${package}_$upstream".*) stem=${package}_$(upstream_of "$new").${1#"${package}_$upstream".} ;;
	*) fail "$1 does not have the name of a file of $package $version" ;;
	esac
	awk -v stem="$stem" '
		function bare(name) { sub(/\.[^.]*$/, "", name); return name }
		stem == ".deb" || bare($2) == bare(stem) { print $2; exit }' "$work/index"
}

# map_files: writes to $work/files for each file that changes: its old and new name in
# `sources`, the file in the archive, the old SHA-256, and its upstream URLs.
map_files() {
	while IFS=$tab read -r _ digest file locations; do
		[ "$digest" != conflict ] || fail "its sources have two digests for $file"
		from=
		urls=
		for location in $locations; do
			case $location in
			apt:*"/$package=$version/"*) from=${location##*/} ;;
			apt:* | snapshot:*) ;;
			*) urls="$urls $location" ;;
			esac
		done
		if [ -z "$from" ]; then
			[ "$(printf '%s\n' "$file$urls" | replace_version)" = "$file$urls" ] ||
				fail "$file is not in Debian's archive, so no signature vouches for a new one; edit its line by hand first"
			continue
		fi
		to=$(new_file "$from")
		[ -n "$to" ] || fail "$package $new has no file like $from; it has: $(cut -d ' ' -f 2 "$work/index" | tr '\n' ' ')"
		name_now=$to
		[ "$file" = "$from" ] || name_now=$(printf '%s\n' "$file" | replace_version)
		printf '%s\t%s\t%s\t%s\t%s\n' "$file" "$name_now" "$to" "$digest" "${urls# }"
	done <"$work/pinned" >"$work/files"
}

# fetch_new: fetches the new files into $work/new. A file that is already among the sources
# is used if its digest is that of the signed index.
fetch_new() {
	mkdir "$work/new"
	calls=
	while IFS=$tab read -r _ name_now to _; do
		there=$(source_file "$name_now")
		if [ -n "$there" ] && [ "$(sha256 "$there")" = "$(index_digest "$to")" ]; then
			cp --reflink=auto "$there" "$work/new/$to"
			continue
		fi
		say "bump: fetching $to"
		case $to in
		*.deb) set -- download "$package=$new" ;;
		*.debian.tar.* | *.diff.gz) set -- source --only-source --download-only --diff-only "$package=$new" ;;
		*) set -- source --only-source --download-only --tar-only "$package=$new" ;;
		esac
		(cd "$work/new" && apt_in "$state" apt-get -qq "$@") >"$work/log" 2>&1 </dev/null || :
		# apt 3 leaves a file whose hash is wrong.
		[ "$(index_digest "$to")" = "$(sha256 "$work/new/$to" 2>/dev/null)" ] || {
			rm -f "$work/new/$to"
			grep '^E:' "$work/log" | sed '/some archives/d' | without_hosts >&2
			others=$(printf '%s\n' "$known" | sed "s/ *$new */ /; s/^ //; s/ *$//")
			fail "apt cannot fetch $to of $package $new in suite $suite: the mirror may have the index but not the file; retry later${others:+, or name one of: $others}"
		}
	done <"$work/files"
}

# keep_url URL DIGEST: whether the file at a URL is identical to Debian's.
keep_url() {
	if ! download "$1" "$work/url" "$work/log"; then
		say "bump: cannot fetch $1; its line is dropped"
		return 1
	fi
	got=$(sha256 "$work/url")
	rm -f "$work/url"
	[ "$got" = "$2" ] || {
		say "bump: $1 differs from Debian's file (SHA-256 $got); its line is dropped"
		return 1
	}
}

# write_map: writes the map that lib/commands/bump.awk reads.
write_map() {
	while IFS=$tab read -r file name_now to digest urls; do
		now=$(sha256 "$work/new/$to")
		lost=no
		for url in $urls; do
			url_now=$(printf '%s\n' "$url" | replace_version)
			if [ "$now $url_now" != "$digest $url" ] && ! keep_url "$url_now" "$now" </dev/null; then
				url_now=
				lost=yes
			fi
			printf 'url\t%s\t%s\n' "$url" "$url_now"
		done
		sha1=$(sha1sum <"$work/new/$to")
		printf 'file\t%s\t%s\t%s\t%s\t%s\t%s\n' "$file" "$name_now" "$now" "${sha1%% *}" "$to" $lost
	done <"$work/files" >"$work/map"
}

# write_recipe: writes both files under temporary names, then renames both.
write_recipe() {
	suite_now=$suite
	index_of "$state" "$kind" "$package" | awk -v version="$new" '
		BEGIN { RS = "" }
		index("\n" $0 "\n", "\nVersion: " version "\n") && !/\n(Directory|Filename): pool\/updates\// { found = 1 }
		END { exit !found }' || suite_now=$suite-security
	replace_version <"$dir/sources" >"$work/moved"
	awk -v suite="$suite_now" -v package="$package" -v version="$new" -f "$TREE/lib/commands/bump.awk" \
		"$work/map" "$work/moved" "$dir/sources" >"$work/sources"
	printf '%s\n' "${shown_new:-$shown}" >"$work/version"
	written=$dir
	{ cp "$work/sources" "$dir/.bump.sources" && cp "$work/version" "$dir/.bump.version"; } 2>/dev/null ||
		fail "cannot write to $dir"
	cp "$dir/sources" "$work/sources.before"
	mv "$dir/.bump.sources" "$dir/sources" || fail "cannot write $dir/sources"
	mv "$dir/.bump.version" "$dir/version" || {
		cp "$work/sources.before" "$dir/sources"
		fail "cannot write $dir/version"
	}
}

# read_changes: sets $changelog to yes if the changelog is available, and writes the
# advisories that it names since the pinned version to $work/advisories.
read_changes() {
	changelog=yes
	changes_between "$suite" "$kind" "$package" "$version" "$new" "$work/changelog" >"$work/entries" || changelog=
	advisories_in <"$work/entries" >"$work/advisories"
}

# refuse_to_hide: a new Debian revision brings its fixes as patches. A recipe that pins
# only the tarball would get no fix, and `outdated` would no longer report the advisories.
# Without the changelog nobody knows whether there are any.
refuse_to_hide() {
	[ -z "$changelog" ] || [ -s "$work/advisories" ] || return 0
	while IFS=$tab read -r _ _ to digest _; do
		[ "$(index_digest "$to")" = "$digest" ] || return 0
	done <"$work/files"
	archive=$(awk '$2 ~ /\.debian\.tar\.|\.diff\.gz$/ { print $2 }' "$work/index")
	if [ -n "$changelog" ]; then
		say "bump: $new has the same files as the pinned version; its fixes are in Debian's patches:"
		show_advisories <"$work/advisories" >&2
	else
		say "bump: $new has the same files as the pinned version, and its changelog is not available: what it fixes is in Debian's patches"
	fi
	say "To apply them, add this to ${dir#"$TREE"/}/sources, and rules to ${dir#"$TREE"/}/series:
    # From the archive's signed index: Debian's patches.
    $(index_digest "$archive") apt:$suite/$package=$new/$archive"
	fail "it applies none of Debian's patches (to pin $new anyway, name the version)"
}

# report_changes: lists the advisories in Debian's changelog since the old version, and
# those that the recipe's `advisories` has an entry for.
report_changes() {
	[ -n "$changelog" ] || say "bump: cannot read the changelog of $package $new: not available"
	[ -s "$work/advisories" ] || return 0
	say "bump: the changelog names $(wc -l <"$work/advisories") advisories since $version:"
	show_advisories <"$work/advisories" >&2
	lines "$dir/advisories" | while read -r advisory verdict _; do
		! grep -qx "$advisory" "$work/advisories" ||
			say "bump: ${dir#"$TREE"/}/advisories lists $advisory as $verdict; check whether it still is"
	done
}

recipe=$1
wanted=${2:-}
find_recipe "$recipe"
find_pin
find_new "$wanted"
if [ "$new" = "$version" ]; then
	say "bump: ${dir##*/} already pins $version${wanted:+, which $wanted matches}"
	others=$(apt_pins | sed -e 's|/[^/]*$||' -e 's|^\([^/]*\)-security/|\1/|' | sort -u | { grep -vxF "$suite/$package=$version" || :; } | xargs)
	[ -z "$others" ] || say "bump: ${dir#"$TREE"/}/sources also pins $others, which this command does not move: edit that line by hand"
	exit 0
fi
if [ -z "$wanted" ] && dpkg --compare-versions "$new" lt "$version"; then
	fail "the newest $package in the index of $suite is $new, which is older than $version; to go back, name the version"
fi
read -r shown <"$dir/version"
shown_new=$(new_shown "$shown" "$version" "$new")
pairs="$(without_epoch "$version") $(without_epoch "$new") $(upstream_of "$version") $(upstream_of "$new") $shown ${shown_new:-$shown}"
read_index
map_files
fetch_new
read_changes
[ -n "$wanted" ] || refuse_to_hide
write_map
write_recipe
writable_store
while IFS=$tab read -r _ name_now to _; do
	[ -e "$store/$name_now" ] || cp --reflink=auto "$work/new/$to" "$store/$name_now"
done <"$work/files"

say "bump: ${dir##*/} pins $package $new ($suite_now) in place of $version"
[ -n "$shown_new" ] ||
	say "bump: ${dir#"$TREE"/}/version still has $shown, which no rule derives from $(upstream_of "$version"); edit it by hand"
report_changes
first=$(sed -n 1p "$work/files" | cut -f 3)
archive=$(find "$work/new" -name '*.debian.tar.*' -o -name '*.diff.gz')
recipe_dirs | while read -r each; do
	[ "$(readlink -f "$each/sources")" != "$dir/sources" ] || printf '%s\n' "$each"
done >"$work/sharing"
shared=
while read -r each; do
	[ "$(readlink -f "$each")" = "$dir" ] || shared="$shared ${each##*/}"
	try_patches "$each" "$work/new/$first" "$archive" "$work/patches" </dev/null
done <"$work/sharing"
[ -z "$shared" ] || say "bump: recipes with the same source:$shared"
say "Next: read upstream's release notes and the comments in ${dir#"$TREE"/}/sources; then
    ./build.sh package ${dir##*/}$shared
    ./build.sh && ./build.sh accept && ./build.sh test"
