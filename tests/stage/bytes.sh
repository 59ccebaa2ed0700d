#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The same bytes, always: a product does not depend on threads, on the threads of BLAS, on which build of OpenBLAS is loaded,
# on the folder it is made in, on what was there before, or on having been killed. All inputs are made here.

# shellcheck disable=SC2086,SC2317  # $series is several words; the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C.UTF-8
unset OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS OMP_NUM_THREADS

# ---- the products ----

# Shapes that no block divides: 1,067 words (chunks of 1,024), 300 neuroids (blocks of 256), 187 volumes, layers of width 36.
series='--drop-start 5 --highpass 128 --confounds motion --folds contiguous:4,gap=10'
small=layers=2,width=36,heads=3,context=96,tokenizer=bytes

stage() { # stage NAME ARGUMENT...: quiet; says what failed
    s=$1
    shift
    "$bin/broca-$s" "$@" >.out 2>.err </dev/null || { echo "exit $?: broca $s $*"; cat .err; return 1; }
}
extract() { stage extract --arch gpt2,$small --seed 7 --stimuli story.h5 --context window:96 --pool word --surprisal "$@"; }
encode() {
    stage encode --features m=words.h5 --features rate=story.h5:word_rate --baseline rate --responses responses.h5 $series \
        --delays 2s,4s,6s,8s --candidates 4 --save prediction,inner "$@"
}
# Every product of a small study in FOLDER; the further arguments go to each stage.
study() { # study FOLDER [ARGUMENT...]
    mkdir -p "$1" && cd "$1" || return 1
    shift
    stage import --from words "$project/stimuli/simulated-story/words.tsv" --out story.h5 "$@" &&
        stage import --from table "$project/stimuli/langloc-broca/stimuli.tsv" --out items.h5 "$@" &&
        extract --out words.h5 "$@" &&
        stage extract --arch llama,$small --seed 3 --stimuli items.h5 --pool mean --out items.a.h5 "$@" &&
        stage localize --activations items.a.h5 --stimuli items.h5 --contrast S-N --out localizer.h5 "$@" &&
        stage simulate --stimuli story.h5 --features words.h5:h.1 --signal .3 --specific .1 --motion .05 --subjects 5 --neuroids 60 \
            --tr 2 --out responses.h5 "$@" &&
        encode --out encoding.h5 "$@" &&
        stage ceiling --responses responses.h5 $series --draws 200 --out ceiling.h5 "$@" &&
        stage score --encoding encoding.h5 --ceiling ceiling.h5 --out scores.h5 "$@" &&
        stage report --scores scores.h5 --encoding encoding.h5 --ceiling ceiling.h5 --truth responses.h5 --out report.html "$@"
    status=$?
    cd "$work" || return 1
    return $status
}
products() { find "$1" -type f \( -name '*.h5' -o -name '*.tsv' -o -name '*.html' \) | sort; }
hashes() { (cd "$1" && products . | xargs sha256sum); }
same() { # same FOLDER: its products are those of the first study, one thread
    hashes first >want && hashes "$1" >have || return 1
    [ "$(wc -l <want)" -eq 11 ] || { echo 'not 11 products:'; cat want; return 1; }
    diff want have
}
# Besides the products and their sidecars nothing is there.
no_junk() {
    find "$1" -mindepth 1 ! -name '*.h5' ! -name '*.h5.json' ! -name '*.tsv' ! -name '*.html' ! -name .out ! -name .err >"$work/junk"
    [ ! -s "$work/junk" ] || { echo "left:"; cat "$work/junk"; return 1; }
}
another() { rm -rf other && study other "$@" && same other && no_junk other; } # another [ARGUMENT...]

one_thread_makes_every_product() { study first --threads 1 && hashes first && no_junk first; }
# The hashes would also agree if nothing depended on anything: another seed gives other bytes.
another_seed_gives_other_bytes() {
    cp -r first seed && cd seed && extract --threads 1 --out again.h5 && cmp again.h5 words.h5 && extract --seed 8 --out again.h5 &&
        ! cmp -s again.h5 words.h5
}
two_threads_give_the_same_bytes() { another --threads 2; }
three_threads_give_the_same_bytes() { another --threads 3; }
one_thread_for_blas_gives_the_same_bytes() { OPENBLAS_NUM_THREADS=1 another; }
four_threads_for_blas_give_the_same_bytes() { OPENBLAS_NUM_THREADS=4 OMP_NUM_THREADS=3 OMP_DYNAMIC=true another; }
made_again_over_itself_the_bytes_are_the_same() { rm -rf other && cp -r first other && study other --threads 2 && same other && no_junk other; }

# ---- builds of OpenBLAS ----

blas_of() { find /usr/lib /usr/local/lib -path "*openblas-$1*" -name 'libopenblas.so.0' 2>/dev/null | head -n 1; }
with_blas() { # with_blas KIND: by the dynamic linker, and the program says that it is there
    folder=$(dirname "$(blas_of "$1")")
    LD_LIBRARY_PATH=$folder ldd "$bin/broca-encode" | grep -F "$folder/libopenblas" || { echo "$folder is not taken"; return 1; }
    LD_LIBRARY_PATH=$folder "$bin/broca-doctor" >.out 2>.err
    grep "BLAS .*($1)" .out || { echo 'the doctor sees another build:'; grep BLAS .out; return 1; }
    export LD_LIBRARY_PATH="$folder" OPENBLAS_NUM_THREADS=2
    another --threads 2
}

openblas_pthread_gives_the_same_bytes() { with_blas pthread; }
openblas_openmp_gives_the_same_bytes() { with_blas openmp; }

# ---- the folder ----

# Absolute paths, from another folder, to inputs of other names: no product tells where its inputs lay.
where_inputs_lie_changes_no_byte() {
    mkdir -p elsewhere/in elsewhere/out && cp first/story.h5 elsewhere/in/s.h5 && cp first/words.h5 elsewhere/in/w.h5 &&
        cp first/responses.h5 elsewhere/in/r.h5 && cp first/items.h5 elsewhere/in/i.h5 && cd elsewhere/out || return 1
    in=$work/elsewhere/in
    stage extract --arch gpt2,$small --seed 7 --stimuli "$in/s.h5" --context window:96 --pool word --surprisal --out words.h5 &&
        stage extract --arch llama,$small --seed 3 --stimuli "$in/i.h5" --pool mean --out a.h5 &&
        stage localize --activations "$work/elsewhere/out/a.h5" --stimuli "$in/i.h5" --contrast S-N --out localizer.h5 &&
        stage simulate --stimuli "$in/s.h5" --features "$in/w.h5:h.1" --signal .3 --specific .1 --motion .05 --subjects 5 \
            --neuroids 60 --tr 2 --out responses.h5 &&
        stage encode --features "m=$in/w.h5" --features "rate=$in/s.h5:word_rate" --baseline rate --responses "$in/r.h5" $series \
            --delays 2s,4s,6s,8s --candidates 4 --save prediction,inner --out encoding.h5 &&
        stage ceiling --responses "$in/r.h5" $series --draws 200 --out ceiling.h5 || return 1
    wrong=0
    for f in words localizer responses encoding ceiling; do
        cmp "$f.h5" "$work/first/$f.h5" || { "$bin/broca-inspect" "$f.h5" >.out && grep -F "$in" .out; wrong=1; }
    done
    return $wrong
}

# ---- killed ----

# killed WHEN PRODUCT STAGE: the stage (a function above) in kill/, and SIGKILL after WHEN seconds, or as soon as the temporary
# file is there. What stands there afterwards is whole; the stage run again makes the bytes of first/ and leaves nothing else.
killed() {
    when=$1 product=$2
    shift 2
    rm -f kill/"$product"* kill/."$product"*
    (
        cd kill || exit 1
        # the stage itself is to be killed, not the shell around it
        stage() {
            s=$1
            shift
            exec "$bin/broca-$s" "$@" >.out 2>.err </dev/null
        }
        "$@" --out "$product"
    ) &
    child=$!
    if [ "$when" = part ]; then
        while [ ! -e "kill/.$product.part" ] && kill -0 $child 2>/dev/null; do :; done
    else
        sleep "$when"
    fi
    kill -9 $child 2>/dev/null
    wait $child 2>/dev/null
    status=$?
    [ $status -ne 137 ] || in_time=$((in_time + 1))
    [ $status -eq 137 ] || [ $status -eq 0 ] || { echo "exit $status"; cat kill/.err; return 1; }
    if [ -e "kill/$product" ]; then cmp "kill/$product" "first/$product" || return 1; fi
    (cd kill && "$@" --out "$product") && cmp "kill/$product" "first/$product" && no_junk kill && return 0
    echo "killed $when: $product"
    return 1
}
# killed_at PRODUCT STAGE: at fractions of the time that it takes here, and while it writes
killed_at() {
    rm -rf kill && cp -r first kill && in_time=0 || return 1
    begin=$(date +%s%N)
    (cd kill && "$2" --out "$1") || return 1
    took=$((($(date +%s%N) - begin) / 1000))
    for percent in 10 35 60 85; do
        killed "$(awk "BEGIN { print $took * $percent / 1e8 }")" "$1" "$2" || return 1
    done
    killed part "$1" "$2" && killed part "$1" "$2" || return 1
    echo "$in_time of 6 killed in time"
    [ $in_time -ge 3 ]
}
encode_killed_and_run_again_gives_the_same_bytes() { killed_at encoding.h5 encode; }
extract_killed_and_run_again_gives_the_same_bytes() { killed_at words.h5 extract; }
# A signal that asks for an end: exit 3, and the product that was there before is untouched.
interrupted_encode_leaves_the_old_product() {
    rm -rf stop && cp -r first stop && cd stop || return 1
    stage() {
        s=$1
        shift
        exec "$bin/broca-$s" "$@" >.out 2>.err </dev/null
    }
    for signal in TERM INT; do
        (encode --candidates 100 --out encoding.h5) &
        child=$!
        sleep .4
        # a shell without job control starts background jobs with SIGINT ignored: those may go on, all others end
        kill -$signal $child
        if [ $signal = INT ]; then
            sleep .2
            kill -TERM $child 2>/dev/null
        fi
        wait $child
        status=$?
        [ $status -eq 3 ] && [ "$(grep -c ': interrupted' .err)" -eq 1 ] ||
            { echo "$signal: exit $status"; cat .err; return 1; }
    done
    cmp encoding.h5 "$work/first/encoding.h5" && no_junk .
}

# ---- --memory ----

# Responses that dominate, and the least limit, which the error says: they are read in blocks, the bytes are the same, and the peak
# that the program measures itself is below the limit.
wide() { stage encode --features m=words.h5:h.1 --responses wide.h5 --folds contiguous:4,gap=10 --highpass 128 --drop-start 5 --delays 2s,4s --alphas 0:4:5 "$@"; }
any_memory_gives_the_same_bytes() {
    cp -r first memory && cd memory || return 1
    stage simulate --stimuli story.h5 --features words.h5:h.1 --signal .3 --subjects 3 --neuroids 10000 --tr 2 --out wide.h5 &&
        wide --out whole.h5 && wide --memory 8G --out ample.h5 && cmp whole.h5 ample.h5 || return 1
    ! grep -q 'read in blocks' .err || { echo 'in blocks without need'; return 1; }
    for threads in 1 2; do
        "$bin/broca-encode" --features m=words.h5:h.1 --responses wide.h5 --folds contiguous:4,gap=10 --highpass 128 --drop-start 5 --delays 2s,4s \
            --alphas 0:4:5 --threads $threads --memory 1M --out none.h5 >.out 2>.err
        status=$?
        [ $status -eq 2 ] && [ ! -e none.h5 ] || { echo "a limit below the least: exit $status"; cat .err; return 1; }
        least=$(sed -n 's/.*the run takes \([0-9]*\) MB at its peak even with responses in blocks, --memory allows 1 MB.*/\1/p' .err)
        [ -n "$least" ] || { cat .err; return 1; }
        for limit in "$least" $((least + 8)); do
            wide --threads $threads --memory "${limit}M" --out blocks.h5 && cmp whole.h5 blocks.h5 || return 1
            grep -q 'read in blocks' .err || { echo "$limit MB: not in blocks"; cat .err; return 1; }
            peak=$(sed -n 's/.*, \([0-9]*\) MB)$/\1/p' .err .out)
            [ "${peak:-9999}" -le $((limit * 1049 / 1000)) ] || { echo "$limit MB allowed, $peak MB taken"; cat .err; return 1; }
        done
    done
}
# What --save asks for is no part of the peak: it goes to a file as it is made, and the bytes do not depend on the limit.
least_of() { # ARGUMENT...: MB that the least limit is
    "$bin/broca-encode" --features m=words.h5:h.1 --responses wide.h5 --folds contiguous:4,gap=10 --highpass 128 --drop-start 5 --delays 2s,4s \
        --alphas 0:4:5 "$@" --memory 1M --out none.h5 2>&1 | sed -n 's/.*the run takes \([0-9]*\) MB at its peak.*/\1/p'
}
what_is_saved_is_not_held_in_memory() {
    cd memory && wide --save prediction,weight --out whole.h5 && "$bin/broca-inspect" whole.h5 >.out || return 1
    saved=$(sed -n 's,^ */set/m/\(prediction\|weight\) *f4 *\[\([0-9]*\) × \([0-9]*\)\].*,\2 \3,p' .out | awk '{ n += $1 * $2 * 4 } END { print int(n / 1e6) }')
    [ "$saved" -ge 30 ] || { echo "$saved MB are saved, too little for this test"; cat .out; return 1; }
    for threads in 1 2; do
        plain=$(least_of --threads $threads) least=$(least_of --threads $threads --save prediction,weight)
        [ "${least:-999}" -le $((plain + 2)) ] || { echo "$plain MB without --save, $least MB with it"; return 1; }
        wide --threads $threads --save prediction,weight --memory "${least}M" --out small.h5 && cmp whole.h5 small.h5 || return 1
        peak=$(sed -n 's/.*, \([0-9]*\) MB)$/\1/p' .err .out)
        [ "${peak:-9999}" -le $((least * 1049 / 1000)) ] || { echo "$least MB allowed, $peak MB taken"; return 1; }
    done
    ! ls -A | grep resume
}
# What needs all responses at once says so, and a limit that allows it changes nothing.
memory_below_what_all_at_once_takes_is_refused() {
    cd first || return 1
    for more in '--target group' '--null circular:9' '--jackknife 30s'; do
        "$bin/broca-encode" --features m=words.h5 --responses responses.h5 $series $more --memory 2M --out none.h5 >.out 2>.err
        status=$?
        [ $status -eq 2 ] && [ ! -e none.h5 ] && [ "$(grep -c -- '--memory allows 2 MB' .err)" -eq 1 ] ||
            { echo "$more: exit $status"; cat .err; return 1; }
    done
    encode --memory 8G --out ../ample.h5 && cmp encoding.h5 ../ample.h5
}

check one_thread_makes_every_product another_seed_gives_other_bytes two_threads_give_the_same_bytes three_threads_give_the_same_bytes \
    one_thread_for_blas_gives_the_same_bytes four_threads_for_blas_give_the_same_bytes made_again_over_itself_the_bytes_are_the_same
for kind in pthread openmp; do
    if [ -n "$(blas_of $kind)" ]; then check openblas_${kind}_gives_the_same_bytes
    else skip openblas_${kind}_gives_the_same_bytes "no libopenblas.so.0 in a folder openblas-$kind (Debian: libopenblas0-$kind)"; fi
done
check where_inputs_lie_changes_no_byte encode_killed_and_run_again_gives_the_same_bytes \
    extract_killed_and_run_again_gives_the_same_bytes interrupted_encode_leaves_the_old_product any_memory_gives_the_same_bytes \
    what_is_saved_is_not_held_in_memory memory_below_what_all_at_once_takes_is_refused

finish
