#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A killed `broca encode` goes on from what it had finished, and its product has the bytes of an undisturbed run's; rotated
# responses (--null) of unrelated features score like the responses themselves.

# shellcheck disable=SC2086 # $more is several words
. "$(dirname "$0")/scaffold"
export LC_ALL=C

inputs() {
    "$bin/broca-import" --from words "$project/stimuli/simulated-story/words.tsv" --out story.h5 &&
        "$bin/broca-extract" --arch gpt2,layers=2,width=48,heads=4,context=128,vocab=300 --seed 7 --stimuli story.h5 --context window:96 --pool word --out words.h5 &&
        "$bin/broca-simulate" --stimuli story.h5 --features words.h5:h.1 --signal .3 --subjects 4 --neuroids 150 --tr 2 --seed 5 --out responses.h5
}

# slow enough to be killed in its middle, on one thread
encode() { $exec "$bin/broca-encode" --responses responses.h5 --features m=words.h5:h.1 --features rate=story.h5:word_rate --baseline rate $more --threads 1 --save prediction,weight,inner "$@"; }
exec=
more='--candidates 36' # further options of this run

killed() {
    rm -f killed.h5
    exec=exec # the stage itself is to be killed, not the shell around it
    encode --out killed.h5 &
    pid=$! exec=
    n=0
    first=0 size=0
    while [ "$size" -le "$first" ] && [ $n -lt 9000 ] && kill -0 $pid 2>/dev/null; do # two records at least
        sleep 0.01
        n=$((n + 1))
        size=$(wc -c 2>/dev/null <killed.h5.resume || echo 0)
        [ "$first" = 0 ] && first=$size
    done
    kill -9 $pid
    wait $pid
    [ -s killed.h5.resume ] || { echo "nothing was kept"; return 1; }
    [ ! -e killed.h5 ]
}

refused() {
    encode --alphas 1:3:5 --resume --out killed.h5 2>err
    [ $? = 2 ] && grep -q 'belongs to another run' err && [ ! -e killed.h5 ]
}

torn() {
    size=$(wc -c <killed.h5.resume)
    head -c $((size - 100)) killed.h5.resume >part && cat part >killed.h5.resume
    encode --threads 2 --resume --out killed.h5 2>err || { cat err; return 1; }
    grep -q 'resumed: [0-9]* of' err || { cat err; return 1; }
    cmp killed.h5 whole.h5 && [ ! -e killed.h5.resume ] && [ ! -e killed.h5.resume.data ]
}

# What --save keeps lies in a file of its own; a byte of it that changed makes its fit be made again.
damaged() {
    rm -f killed.h5
    killed || return 1
    cp killed.h5.resume before || return 1
    printf XYZ | dd of=killed.h5.resume.data bs=1 seek=1000 conv=notrunc 2>dd || return 1
    encode --threads 2 --resume --out killed.h5 2>err && cmp killed.h5 whole.h5 || { cat err; return 1; }
    mv before killed.h5.resume && rm killed.h5 # and once it is gone
    encode --threads 2 --resume --out killed.h5 2>err && cmp killed.h5 whole.h5 || { cat err; return 1; }
}

rotated() {
    "$bin/broca-encode" --responses responses.h5 --features rate=story.h5:word_rate --target group --null circular:9 --out null.h5 &&
    "$bin/broca-inspect" null.h5 >out && grep -q "null_r .*\[9 ×" out
}

too_many_rotations() {
    encode --target group --null circular:100000 --alphas 3 --inner contiguous:2 --out all.h5 2>err || { cat err; return 1; }
    grep -q 'different rotations, all of them are taken' err && ! "$bin/broca-inspect" all.h5 | grep -q 'null_r .*\[100000 ×'
}

check_that inputs inputs
check_that undisturbed encode --out whole.h5
check_that a_kill_leaves_what_was_finished killed
check_that another_run_is_refused refused
check_that torn_at_the_end_it_resumes_to_the_same_bytes torn
check_that what_was_saved_and_is_damaged_is_made_again damaged
# what is left out and what is rotated lies among what is kept, of single subjects and of the group with its people left out, too
for target in single group; do
    more="--target $target --candidates 5 --jackknife 30s --null circular:4"
    check_that "undisturbed_${target}_with_jackknife_and_null" encode --out whole.h5
    check_that "a_kill_leaves_what_was_finished_${target}_with_jackknife_and_null" killed
    check_that "it_resumes_to_the_same_bytes_${target}_with_jackknife_and_null" torn
done
more='--candidates 36'
check_that rotations_are_scored rotated
check_that more_rotations_than_there_are_are_all_of_them too_many_rotations
finish
