#!/bin/sh
# Pins another version of a recipe's source: the newest in the index of the suite that the
# recipe names, or the one that the user names. Writes `version` and `sources`, both or
# neither; recipes with links to them follow.
#
# The files come through the apt client, which verifies the index by the archive's
# signature and each file by the index. The text of the old version is replaced wherever
# it stands for itself in `sources`: in upstream's addresses, in names and in comments. An
# address of upstream stays only if it has Debian's very bytes.
#
# usage: bump.sh NAME [VERSION]    (environment: TREE, XENITH_*)
set -eu

# shellcheck source=lib/common.sh
. "$TREE/lib/common.sh"
# shellcheck source=lib/fetch.sh
. "$TREE/lib/fetch.sh"
# shellcheck source=lib/changelog.sh
. "$TREE/lib/changelog.sh"
# shellcheck source=lib/versions.sh
. "$TREE/lib/versions.sh"
# shellcheck source=lib/bump-patches.sh
. "$TREE/lib/bump-patches.sh"

tab=$(printf '\t')
work=$(mktemp -d)
written=$work
trap 'rm -rf "$work"; rm -f "$written/.bump.version" "$written/.bump.sources"' EXIT
trap 'exit 130' INT TERM HUP
RUN=$work

# fail MESSAGE: nothing has been changed when it is called.
fail() {
	die "cannot bump $recipe: $*; nothing was changed"
}

# moved: copies text with the new version in place of the old one.
moved() {
	awk -v pairs="$pairs" -f "$TREE/lib/moved.awk"
}

# find_recipe NAME: sets $dir to the directory whose `sources` is the recipe's.
find_recipe() {
	dir=$(recipe_dirs | awk -F / -v name="$1" '$NF == name')
	[ -n "$dir" ] || fail "there is no recipe of this name"
	if [ ! -e "$dir/sources" ]; then
		owner=$(readlink -f "$dir/version")
		owner=${owner%/version}
		[ "$owner" = "$(readlink -f "$dir")" ] || fail "its version is that of ${owner##*/}: bump that"
		fail "it has no sources"
	fi
	owner=$(readlink -f "$dir/sources")
	owner=${owner%/sources}
	[ "$owner" = "$(readlink -f "$dir")" ] || say "bump: $recipe shares its source with ${owner##*/}: bumping that"
	dir=$owner
}

# find_pin: sets $suite, $package, $version and $kind (deb or deb-src) to what $dir pins.
find_pin() {
	printf '%s\n' "$dir" | source_lines >"$work/pinned"
	pin=$(cut -f 4 "$work/pinned" | tr ' ' '\n' | sed -n 's/^apt://p' | head -n 1)
	[ -n "$pin" ] || fail "none of its sources is in Debian's archive: change ${dir#"$TREE"/}/version and sources by hand"
	split_apt "$pin"
	kind=deb-src
	case $pin in *.deb) kind=deb ;; esac
}

# choose WANTED: prints the version in the index that WANTED stands for, or the newest.
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

# find_new WANTED: sets $new. An index that was read a while ago is read once more before
# a version is said to be missing.
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

# read_index: writes "SHA-256 FILE" of the new version's files to $work/index. A package is
# given the name with which apt stores it.
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

# indexed FILE: its SHA-256 in the index.
indexed() {
	awk -v file="$1" '$2 == file { print $1 }' "$work/index"
}

# new_file FILE: the file of the new version in place of a pinned one, which may be
# compressed in another way.
new_file() {
	old=$(without_epoch "$version")
	upstream=$(upstream_of "$version")
	case $1 in
	*.deb) stem=.deb ;;
	"${package}_$old".*) stem=${package}_$(without_epoch "$new").${1#"${package}_$old".} ;;
	"${package}_$upstream".*) stem=${package}_$(upstream_of "$new").${1#"${package}_$upstream".} ;;
	*) fail "$1 is not named like a file of $package $version" ;;
	esac
	awk -v stem="$stem" '
		function bare(name) { sub(/\.[^.]*$/, "", name); return name }
		stem == ".deb" || bare($2) == bare(stem) { print $2; exit }' "$work/index"
}

# map_files: writes to $work/files for each file that changes: its name in `sources`, its
# new name, the file in the archive, its SHA-256 now, and upstream's addresses.
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
			[ "$(printf '%s\n' "$file$urls" | moved)" = "$file$urls" ] ||
				fail "$file is upstream's and not in Debian's archive, whose signature would vouch for it: change its line by hand first"
			continue
		fi
		to=$(new_file "$from")
		[ -n "$to" ] || fail "$package $new has no file like $from; it has: $(cut -d ' ' -f 2 "$work/index" | tr '\n' ' ')"
		name_now=$to
		[ "$file" = "$from" ] || name_now=$(printf '%s\n' "$file" | moved)
		printf '%s\t%s\t%s\t%s\t%s\n' "$file" "$name_now" "$to" "$digest" "${urls# }"
	done <"$work/pinned" >"$work/files"
}

# fetch_new: puts the new files into $work/new. One that is there already is used if its
# bytes are those that the signed index names.
fetch_new() {
	mkdir "$work/new"
	calls=
	while IFS=$tab read -r _ name_now to _; do
		there=$(source_file "$name_now")
		if [ -n "$there" ] && [ "$(sha256 "$there")" = "$(indexed "$to")" ]; then
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
		[ -e "$work/new/$to" ] || {
			grep '^E:' "$work/log" | sed '/some archives/d' | without_hosts >&2
			others=$(printf '%s\n' "$known" | sed "s/ *$new */ /; s/^ //; s/ *$//")
			fail "apt could not fetch $to of $package $new in suite $suite: the mirror may have the index and not the file; try again later${others:+, or name one of: $others}"
		}
	done <"$work/files"
}

# keep_url URL DIGEST: whether the file at an address is Debian's, byte for byte.
keep_url() {
	if ! download "$1" "$work/url" "$work/log"; then
		say "bump: $1 cannot be fetched: its line is left out"
		return 1
	fi
	got=$(sha256 "$work/url")
	rm -f "$work/url"
	[ "$got" = "$2" ] || {
		say "bump: $1 has other bytes than Debian's file (SHA-256 $got): its line is left out"
		return 1
	}
}

# write_map: the map for lib/bump.awk.
write_map() {
	while IFS=$tab read -r file name_now to digest urls; do
		now=$(sha256 "$work/new/$to")
		lost=no
		for url in $urls; do
			url_now=$(printf '%s\n' "$url" | moved)
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

# write_recipe: both files aside, and then both in place.
write_recipe() {
	suite_now=$suite
	index_of "$state" "$kind" "$package" | awk -v version="$new" '
		BEGIN { RS = "" }
		index("\n" $0 "\n", "\nVersion: " version "\n") && !/\n(Directory|Filename): pool\/updates\// { found = 1 }
		END { exit !found }' || suite_now=$suite-security
	moved <"$dir/sources" >"$work/moved"
	awk -v suite="$suite_now" -v package="$package" -v version="$new" -f "$TREE/lib/bump.awk" \
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

# read_changes: sets $changelog to yes if it is available, and writes the advisories that
# it names since the pinned version to $work/advisories.
read_changes() {
	changelog=yes
	changes_between "$suite" "$kind" "$package" "$version" "$new" "$work/changelog" >"$work/entries" || changelog=
	advisories_in <"$work/entries" >"$work/advisories"
}

# refuse_to_hide: a revision of Debian's mends by its patches. Where a recipe has only the
# tarball, nothing would be mended, and `outdated` would be silent from then on.
refuse_to_hide() {
	[ -s "$work/advisories" ] || return 0
	while IFS=$tab read -r _ _ to digest _; do
		[ "$(indexed "$to")" = "$digest" ] || return 0
	done <"$work/files"
	archive=$(awk '$2 ~ /\.debian\.tar\./ { print $2 }' "$work/index")
	say "bump: $new has the files that are pinned; what it mends is in Debian's patches:"
	show_advisories <"$work/advisories" >&2
	say "To take them, add this to ${dir#"$TREE"/}/sources, and rules to ${dir#"$TREE"/}/series:
    # From the archive's signed index: Debian's patches.
    $(indexed "$archive") apt:$suite/$package=$new/$archive"
	fail "it takes none of Debian's patches (to pin the version all the same, name it)"
}

# report_changes: what Debian's changelog says of the step, and what the recipe says of
# advisories that it mends.
report_changes() {
	[ -n "$changelog" ] || say "bump: the changelog of $package $new is not available"
	[ -s "$work/advisories" ] || return 0
	say "bump: the changelog names $(wc -l <"$work/advisories") advisories since $version:"
	show_advisories <"$work/advisories" >&2
	lines "$dir/advisories" | while read -r advisory verdict _; do
		! grep -qx "$advisory" "$work/advisories" ||
			say "bump: ${dir#"$TREE"/}/advisories says that $advisory is $verdict: see whether it still is"
	done
}

recipe=$1
wanted=${2:-}
find_recipe "$recipe"
find_pin
find_new "$wanted"
if [ "$new" = "$version" ]; then
	say "bump: ${dir##*/} pins $version already${wanted:+, which is what $wanted stands for}"
	exit 0
fi
if [ -z "$wanted" ] && dpkg --compare-versions "$new" lt "$version"; then
	fail "the newest $package in the index of $suite is $new, which is older than $version: name a version to go back"
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
	say "bump: ${dir#"$TREE"/}/version still says $shown, which no rule derives from $(upstream_of "$version"): edit it by hand"
report_changes
first=$(sed -n 1p "$work/files" | cut -f 3)
archive=$(find "$work/new" -name '*.debian.tar.*')
recipe_dirs | while read -r each; do
	[ "$(readlink -f "$each/sources")" != "$dir/sources" ] || printf '%s\n' "$each"
done >"$work/sharing"
shared=
while read -r each; do
	[ "$(readlink -f "$each")" = "$dir" ] || shared="$shared ${each##*/}"
	try_patches "$each" "$work/new/$first" "$archive" "$work/patches" </dev/null
done <"$work/sharing"
[ -z "$shared" ] || say "bump: its source is that of$shared, too"
say "Next: read upstream's notes and the comments in ${dir#"$TREE"/}/sources; then
    ./build.sh package ${dir##*/}$shared
    ./build.sh && ./build.sh accept && ./build.sh test"
