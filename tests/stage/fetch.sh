#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pipeline/fetch from outside, on a small mirror and table made here: no network, no data of others.

. "$(dirname "$0")/scaffold"
export LC_ALL=C
fetch=$project/pipeline/fetch
unset BROCA_OFFLINE

sha() { sha256sum <"$1" | cut -d' ' -f1; }

# row NAME PATH FILE LICENCE URL
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$(wc -c <"$3" | tr -d ' ')" "$(sha "$3")" "$4" "$5"; }

# The world of every test: an upstream (file:// URLs), a mirror, a table, an empty destination.
#   packed   three files, in an archive with a leading packed/; no URL; †
#   plain    a model folder: config.json and weights, as files of the mirror
#   online   two files of equal bytes and one other, by URL only
#   both     a file of an archive without leading folder, a plain file; ‡
world() {
    rm -rf "${work:?}"/*
    up=$work/up mirror=$work/mirror out=$work/out table=$work/data.tsv
    mkdir -p "$up/packed/deep" "$up/plain" "$up/both/suite" "$mirror/packed" "$mirror/plain" "$mirror/both" "$out"
    i=0
    while [ $i -lt 3000 ]; do i=$((i + 1)); echo "line $i"; done >"$up/long"
    echo one >"$up/packed/one.txt"
    echo two >"$up/packed/deep/with blank.txt"
    cp "$up/long" "$up/packed/deep/three.txt"
    echo '{}' >"$up/plain/config.json"
    echo weights >"$up/plain/model.safetensors"
    echo suite >"$up/both/suite/a.json"
    echo summary >"$up/both/summary.csv"
    echo other >"$up/other"
    tar --xz -cf "$mirror/packed/packed.tar.xz" -C "$up" packed
    cp "$up"/plain/* "$mirror/plain/"
    tar --xz -cf "$mirror/both/suites.tar.xz" -C "$up/both" suite
    cp "$up/both/summary.csv" "$mirror/both/"
    {
        printf 'dataset\tpath\tbytes\tsha256\tlicence\turl\n'
        row packed one.txt "$up/packed/one.txt" 'none stated †' -
        row packed 'deep/with blank.txt' "$up/packed/deep/with blank.txt" 'none stated †' -
        row packed deep/three.txt "$up/packed/deep/three.txt" 'none stated †' -
        row plain config.json "$up/plain/config.json" MIT -
        row plain model.safetensors "$up/plain/model.safetensors" MIT -
        row online a/long.txt "$up/long" 'CC BY 4.0' "file://$up/long"
        row online b/same.txt "$up/long" 'CC BY 4.0' "file://$up/long"
        row online other.txt "$up/other" 'CC BY 4.0' "file://$up/other"
        row both suite/a.json "$up/both/suite/a.json" 'CC BY-NC-SA 4.0 ‡' -
        row both summary.csv "$up/both/summary.csv" 'CC BY-NC-SA 4.0 ‡' -
    } >"$table"
    export BROCA_DATA_TSV="$table" BROCA_DATA_ROOT="$out" BROCA_MIRROR="$mirror"
    obtained=$out/stimuli/obtained
}

# run STATUS ARGUMENT...: runs fetch, its text to $work/text, and is true if it exits with STATUS
run() {
    expected=$1
    shift
    "$fetch" "$@" >"$work/text" 2>&1
    got=$?
    [ $got -eq "$expected" ] || { echo "# exit $got, expected $expected"; sed 's/^/# /' "$work/text"; return 1; }
}

text() { grep -qF -e "$1" "$work/text" || { echo "# no '$1' in:"; sed 's/^/# /' "$work/text"; return 1; }; }
same() { cmp "$1" "$2"; }
nothing_in() { [ -z "$(find "$1" -type f 2>/dev/null)" ] || { find "$1" -type f | sed 's/^/# left: /'; return 1; }; }
no_trace() {
    [ -z "$(find "$out" -name '.fetch*')" ] || { find "$out" -name '.fetch*' | sed 's/^/# left: /'; return 1; }
}

# The command $1 becomes a script for one run: it does what standard input says.
instead_of() {
    mkdir -p "$work/bin"
    { echo '#!/bin/sh'; cat; } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

plain_files_of_the_mirror_are_copied() {
    run 0 plain && text 'licence: MIT' && same "$up/plain/config.json" "$out/models/plain/config.json" &&
        same "$up/plain/model.safetensors" "$out/models/plain/model.safetensors" && no_trace
}

members_of_an_archive_lose_the_name_in_front() {
    run 0 packed && same "$up/packed/one.txt" "$obtained/packed/one.txt" &&
        same "$up/packed/deep/with blank.txt" "$obtained/packed/deep/with blank.txt" &&
        same "$up/packed/deep/three.txt" "$obtained/packed/deep/three.txt" && no_trace
}

members_and_plain_files_come_together() {
    run 0 both && same "$up/both/suite/a.json" "$obtained/both/suite/a.json" &&
        same "$up/both/summary.csv" "$obtained/both/summary.csv"
}

several_sets_come_in_one_call() { run 0 plain packed both && [ -f "$obtained/both/summary.csv" ]; }

marked_licences_are_warned_about() {
    run 0 packed both && text '† comes from a repository that states no licence' && text '‡ is for non-commercial use'
}

a_wrong_plain_file_is_refused() {
    echo evil >"$mirror/plain/model.safetensors"
    run 2 plain && text "expected sha256 $(sha "$up/plain/model.safetensors"), 8 bytes" &&
        text "got      sha256 $(sha "$mirror/plain/model.safetensors"), 5 bytes" &&
        text 'licence: MIT' && nothing_in "$out"
}

a_wrong_member_is_refused() {
    mkdir "$work/evil" && cp -r "$up/packed" "$work/evil" && echo evil >"$work/evil/packed/one.txt"
    tar --xz -cf "$mirror/packed/packed.tar.xz" -C "$work/evil" packed
    run 2 packed && text 'one.txt is not the file' && nothing_in "$out"
}

a_damaged_archive_is_refused() {
    head -c 200 "$mirror/packed/packed.tar.xz" >"$work/half" && mv "$work/half" "$mirror/packed/packed.tar.xz"
    run 2 packed && text 'cannot be unpacked' && nothing_in "$out"
}

a_member_that_is_a_link_is_no_file() {
    mkdir "$work/evil" && cp -r "$up/packed" "$work/evil" && ln -sf "$up/packed/one.txt" "$work/evil/packed/one.txt"
    tar --xz -cf "$mirror/packed/packed.tar.xz" -C "$work/evil" packed
    run 1 packed && text '1 of 3 files could not be had' && [ ! -L "$obtained/packed/one.txt" ]
}

what_is_there_is_left_alone() {
    run 0 packed || return 1
    rm -r "$mirror"
    before=$(stat -c '%i %Y' "$obtained/packed/one.txt")
    BROCA_OFFLINE=1 run 0 packed && text 'all 3 files are there' &&
        [ "$before" = "$(stat -c '%i %Y' "$obtained/packed/one.txt")" ]
}

only_what_is_missing_is_obtained() {
    run 0 packed && rm "$obtained/packed/one.txt" && run 0 packed && text '1 of 3 files to obtain' &&
        same "$up/packed/one.txt" "$obtained/packed/one.txt"
}

a_changed_file_is_obtained_again() {
    run 0 plain && echo edited >"$out/models/plain/config.json" && run 2 --check plain && run 0 plain &&
        text 'is there with other bytes' && same "$up/plain/config.json" "$out/models/plain/config.json"
}

check_tells_right_wrong_and_absent() {
    run 1 --check plain && text 'plain: not there' && run 0 --check && run 0 plain &&
        run 0 --check plain && text '2 of 2 files right' && rm "$out/models/plain/config.json" &&
        run 1 --check plain && text '1 absent'
}

list_names_every_set() { run 0 --list && text packed && text plain && text online && text both && text '†'; }

an_unknown_name_suggests_the_nearest() { run 2 plian && text "did you mean 'plain'" && nothing_in "$out"; }
an_unknown_option_suggests_the_nearest() { run 2 --chekc && text 'did you mean --check'; }

offline_without_a_mirror_says_so() {
    export BROCA_MIRROR="$work/none"
    BROCA_OFFLINE=1 run 1 online && text 'BROCA_OFFLINE=1 forbids the URLs' && text 'set BROCA_MIRROR' &&
        nothing_in "$out"
}

a_set_without_url_says_its_licence() {
    export BROCA_MIRROR="$work/none"
    run 1 packed && text 'no URL: made from other sources; licence: none stated †' && nothing_in "$out"
}

a_path_that_leaves_its_folder_is_refused() {
    row plain ../../escaped.txt "$up/other" MIT "file://$up/other" >>"$table"
    run 2 plain && text 'line 12: path' && [ ! -e "$out/escaped.txt" ]
}

urls_are_taken_where_the_mirror_has_nothing() {
    run 0 online && same "$up/long" "$obtained/online/a/long.txt" && same "$up/long" "$obtained/online/b/same.txt" &&
        same "$up/other" "$obtained/online/other.txt" && no_trace
}

a_wrong_file_of_a_url_is_refused() {
    sed 's/^line 7$/line 8/' "$up/long" >"$work/evil" && mv "$work/evil" "$up/long"
    run 2 online && text 'is not the file' && nothing_in "$out"
}

a_larger_file_of_a_url_is_refused() {
    echo more >>"$up/long"
    run 2 online && nothing_in "$obtained/online/a"
}

# The planted beginning is told from a fresh download by being wrong: only a resumed file can then be wrong too.
a_partial_download_is_resumed() {
    part=$obtained/online/.fetch/part/$(sha "$up/long")
    mkdir -p "${part%/*}" && head -c 5000 "$up/long" | tr 1 2 >"$part"
    run 2 online && [ ! -e "$part" ] && run 0 online && same "$up/long" "$obtained/online/a/long.txt" || return 1
    rm -r "$obtained"
    mkdir -p "${part%/*}" && head -c 5000 "$up/long" >"$part"
    run 0 online && same "$up/long" "$obtained/online/a/long.txt" && no_trace
}

a_host_that_cannot_be_reached_ends_the_fetch() {
    sed "s|file://$up/other|http://127.0.0.1:1/other|" "$table" >"$work/t" && mv "$work/t" "$table"
    run 1 online plain && text 'cannot reach 127.0.0.1:1' && text 'run it again to resume' &&
        nothing_in "$out/models" && [ ! -e "$obtained/online/other.txt" ]
}

killed_between_two_files_then_run_again() {
    instead_of mv <<END
/bin/mv "\$@"
echo x >>$work/moves
[ \$(wc -l <$work/moves) -lt 2 ] || kill -9 \$PPID
END
    (PATH=$work/bin:$PATH run 137 packed) >/dev/null 2>&1 || return 1
    [ "$(find "$obtained/packed" -name .fetch -prune -o -type f -print | wc -l)" -eq 2 ] || return 1
    run 0 packed && text '1 of 3 files to obtain' && run 0 --check packed && no_trace
}

killed_in_a_download_then_run_again() {
    instead_of curl <<END
config=
while [ \$# -gt 0 ]; do [ "\$1" != --config ] || config=\$2; shift; done
part=\$(sed -n 's/^output = "\(.*\)"/\1/p' "\$config" | head -n 1)
head -c 4000 $up/long >"\$part"
kill -9 \$PPID
END
    (PATH=$work/bin:$PATH run 137 online) >/dev/null 2>&1 || return 1
    [ -f "$obtained/online/.fetch/part/$(sha "$up/long")" ] || return 1
    run 0 online && same "$up/long" "$obtained/online/a/long.txt" && no_trace
}

a_signal_ends_with_3_and_no_trace() {
    instead_of tar <<END
kill -TERM \$PPID
exec /bin/tar "\$@"
END
    PATH=$work/bin:$PATH run 3 packed && text 'resume with the same command' && nothing_in "$out" && run 0 packed
}

two_fetches_at_once_do_not_collide() {
    "$fetch" packed >"$work/first" 2>&1 &
    first=$!
    run 0 packed
    second=$?
    wait $first && [ $second -eq 0 ] && run 0 --check packed && no_trace
}

# A held lock is waited for: the second fetch must not have ended while it is held.
a_lock_is_waited_for() {
    mkdir -p "$obtained"
    exec 7>"$obtained/.fetch-packed.lock"
    flock 7
    "$fetch" packed >"$work/first" 2>&1 7>&- &
    first=$!
    n=0
    until grep -q 'waiting for another fetch' "$work/first" || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.1; done
    held=$(find "$obtained/packed" -name one.txt)
    exec 7>&-
    wait $first && [ $n -lt 100 ] && [ -z "$held" ] && run 0 --check packed && no_trace
}

in_a_small_disk() { unshare -rm sh -c 'mount -t tmpfs -o size=16k none "$1" || exit 99; shift; "$@"' sh "$@"; }

a_full_disk_is_named_and_nothing_is_left() {
    # shellcheck disable=SC2016  # the inner shell expands it
    in_a_small_disk "$out" sh -c '"$1" packed >"$2" 2>&1; s=$?; find "$3" -type f >"$2.left"; exit $s' \
        sh "$fetch" "$work/text" "$out"
    status=$?
    [ $status -eq 1 ] || { echo "# exit $status"; cat "$work/text"; return 1; }
    text 'no room on the disk' && [ ! -s "$work/text.left" ]
}

every_row_of_the_real_table_is_sound() {
    unset BROCA_DATA_TSV BROCA_MIRROR
    run 0 --list && text alice2016 && text tinystories-656k
}

# checks NEEDED TEST...: TOOL present, or each is skipped by name
checks() {
    tool=$1
    shift
    for each; do
        if command -v "$tool" >/dev/null; then world && check "$each"; else skip "$each" "no $tool"; fi
    done
}

checks xz plain_files_of_the_mirror_are_copied members_of_an_archive_lose_the_name_in_front \
    members_and_plain_files_come_together several_sets_come_in_one_call marked_licences_are_warned_about \
    a_wrong_plain_file_is_refused a_wrong_member_is_refused a_damaged_archive_is_refused \
    a_member_that_is_a_link_is_no_file what_is_there_is_left_alone only_what_is_missing_is_obtained \
    a_changed_file_is_obtained_again check_tells_right_wrong_and_absent list_names_every_set \
    an_unknown_name_suggests_the_nearest an_unknown_option_suggests_the_nearest offline_without_a_mirror_says_so \
    a_set_without_url_says_its_licence a_path_that_leaves_its_folder_is_refused \
    killed_between_two_files_then_run_again a_signal_ends_with_3_and_no_trace two_fetches_at_once_do_not_collide \
    a_lock_is_waited_for every_row_of_the_real_table_is_sound
checks curl urls_are_taken_where_the_mirror_has_nothing a_wrong_file_of_a_url_is_refused \
    a_larger_file_of_a_url_is_refused a_partial_download_is_resumed a_host_that_cannot_be_reached_ends_the_fetch \
    killed_in_a_download_then_run_again
world
if in_a_small_disk "$out" true 2>/dev/null; then check a_full_disk_is_named_and_nothing_is_left
else skip a_full_disk_is_named_and_nothing_is_left 'no small disk can be mounted here'; fi

finish
