#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Token files and training from outside: a run that is killed (kill -9) at random steps and resumed gives the bytes of an
# undisturbed one, on one thread and on two; signals, locks, full disks, and bad input.

. "$(dirname "$0")/scaffold"
export LC_ALL=C

# refused STATUS TEXT COMMAND...: one clear error
refused() {
    want=$1 text=$2
    shift 2
    "$@" >out 2>err
    got=$?
    [ $got -eq "$want" ] && [ "$(grep -c '^broca [a-z]*: ' err)" -ge 1 ] && grep -qF -- "$text" err && return 0
    echo "exit $got, expected $want with '$text': $*"
    cat err
    return 1
}

corpus() { "$bin/broca-corpus" --quiet "$@"; }
arch=topolm,layers=1,width=36,heads=2,context=32,radius=3,neighbourhoods=3
plan=steps=150,windows=8,warmup=20
train() { "$bin/broca-train" --quiet --corpus story.tok --arch $arch --plan $plan --checkpoint-every 10 --validate-every 60 --validation-windows 8 "$@"; }
same() { for f in config.json model.safetensors topography.safetensors tokenizer.json train_log.tsv; do cmp "$1/$f" "$2/$f" || return 1; done; }

inputs() {
    cut -f 2 "$project/stimuli/langloc-broca/stimuli.tsv" | sed 1d >sentences.txt
    cp "$project/stimuli/simulated-story/story.txt" story.txt
    corpus --train-bpe 400 --documents line --validation .1 --save-tokenizer tokenizer.json --out story.tok sentences.txt story.txt &&
        train --out whole --threads 1
}

# ---- token files ----

the_token_file_does_not_depend_on_threads_or_folders() {
    mkdir -p elsewhere && cp sentences.txt story.txt elsewhere/ &&
        corpus --threads 1 --memory 64M --train-bpe 400 --documents line --validation .1 --out again.tok elsewhere/sentences.txt elsewhere/story.txt &&
        cmp story.tok again.tok
}
a_tokenizer_that_is_there_gives_the_same_tokens() {
    corpus --tokenizer tokenizer.json --documents line --validation .1 --out given.tok sentences.txt story.txt &&
        head -c 256 story.tok | cut -b 17-64 >a && head -c 256 given.tok | cut -b 17-64 >b && cmp a b
}
inspect_tells_what_a_token_file_holds() {
    "$bin/broca-inspect" story.tok >out && grep -q '^kind  *corpus, sha256' out && grep -q "^  story.txt .* sha256 $(sha256sum <story.txt | cut -c1-64)" out &&
        "$bin/broca-inspect" --json story.tok >out && grep -q '"kind":"corpus".*"vocabulary":400' out && head -c 3000 story.tok >short.tok &&
        refused 2 'is cut short' "$bin/broca-inspect" short.tok
}
bad_texts_are_refused() {
    printf 'caf\351\n' >latin.txt
    refused 2 'latin.txt is no UTF-8 text: byte 3 (0xe9) on line 1' corpus --tokenizer bytes --out no.tok latin.txt &&
        cp story.txt copy.txt && refused 2 'story.txt and copy.txt hold the same text' corpus --tokenizer bytes --held-out copy.txt --out no.tok story.txt &&
        refused 2 'a tokenizer is needed' corpus --out no.tok story.txt && refused 2 'no text file is named' corpus --tokenizer bytes --out no.tok &&
        refused 2 'not both' corpus --tokenizer bytes --train-bpe 300 --out no.tok story.txt &&
        refused 2 'is not one token' corpus --tokenizer tokenizer.json --end '<none of it>' --out no.tok story.txt &&
        refused 2 'occur twice for a vocabulary of' corpus --train-bpe 60000 --out no.tok story.txt &&
        refused 2 'file, line or separator' corpus --tokenizer bytes --documents paragraph --out no.tok story.txt && [ ! -e no.tok ]
}

# ---- the model folder ----

the_folder_is_a_model_that_broca_reads() {
    "$bin/broca-extract" --list --model whole >out && grep -q 'gpt2: 1 layers, width 36, 2 heads, vocabulary 400, context 32' out &&
        grep -q '"activation_function": *"gelu"' whole/config.json && grep -q '"topography"' whole/config.json || { cat out whole/config.json; return 1; }
    "$bin/broca-import" --quiet --from table "$project/stimuli/langloc-broca/stimuli.tsv" --out s.h5 &&
        "$bin/broca-extract" --quiet --model whole --stimuli s.h5 --layers sublayers --pool mean --truncate 32 --out a.h5 &&
        "$bin/broca-export" --quiet a.h5 --dataset sheet/h.0.mlp --to tsv --out sheet.tsv && [ "$(wc -l <sheet.tsv)" -eq 37 ]
}
the_loss_of_the_log_is_that_of_the_model() { # the last validation, again from the folder: f32 weights, the engine of extract
    [ "$(wc -l <whole/train_log.tsv)" -eq 151 ] && tail -n 1 whole/train_log.tsv | awk -F '\t' '{ exit !($9 > 1 && $9 < 6 && $10 > 0 && $11 > 0 && $11 < .5) }'
}

# ---- kill, resume, signals ----

# killed THREADS: kill -9 after some steps, again and again, until it ends by itself
killed() {
    out=killed$1 n=0
    rm -rf "$out"
    while [ $n -lt 40 ]; do
        n=$((n + 1))
        # the program itself, not a function: $! is what is killed
        "$bin/broca-train" --quiet --corpus story.tok --arch $arch --plan $plan --checkpoint-every 10 --validate-every 60 \
            --validation-windows 8 --out "$out" --threads "$1" --resume &
        pid=$!
        # after a number of steps, not a time: a fast machine would be done, a busy one not begun
        steps=$(($(wc -l 2>/dev/null <"$out/train_log.tsv" || echo 0) + 4 + (n * 7919 + 3 * $1) % 31))
        while kill -0 $pid 2>/dev/null && [ "$(wc -l 2>/dev/null <"$out/train_log.tsv" || echo 0)" -lt $steps ]; do sleep .005; done
        if ! kill -9 $pid 2>/dev/null; then
            wait $pid || return 1
            break
        fi
        wait $pid 2>/dev/null
    done
    grep -q . "$out/train_log.tsv" && train --out "$out" --threads "$1" --resume && echo "killed $((n - 1)) times" && same whole "$out" && [ $n -gt 1 ]
}
killed_at_random_steps_on_one_thread() { killed 1; }
killed_at_random_steps_on_two_threads() { killed 2; }
a_signal_checkpoints_and_exits_3() {
    for signal in TERM INT; do
        rm -rf stopped
        (trap - INT; exec "$bin/broca-train" --corpus story.tok --arch $arch --plan $plan,steps=100000 --checkpoint-every 0 --out stopped) 2>err &
        pid=$!
        n=0
        until [ -s stopped/train_log.tsv ] || [ $n -gt 600 ]; do sleep .05; n=$((n + 1)); done
        sleep .3
        # a shell's background jobs ignore SIGINT unless told otherwise: TERM to both
        kill -$signal $pid
        if [ $signal = INT ]; then sleep .5; kill -TERM $pid 2>/dev/null; fi
        wait $pid
        got=$?
        [ $got -eq 3 ] && grep -q 'resume with the same command and --resume' err && [ -s stopped/checkpoint/state.h5 ] || { echo "exit $got"; cat err; return 1; }
        [ ! -e stopped/model.safetensors ] || return 1
    done
}
a_second_process_is_refused() {
    rm -rf busy
    "$bin/broca-train" --quiet --corpus story.tok --arch $arch --plan $plan,steps=100000 --out busy &
    pid=$!
    n=0
    until [ -s busy/checkpoint/state.h5 ] || [ $n -gt 600 ]; do sleep .05; n=$((n + 1)); done
    refused 1 'is being written by another process' train --out busy --resume
    status=$?
    kill -TERM $pid
    wait $pid
    return $status
}
a_checkpoint_is_not_overwritten_unasked() { refused 2 '--resume goes on from it' train --out whole; }
a_checkpoint_of_another_configuration() {
    refused 2 'alpha 0.25 instead of 1, warmup 20 instead of 30' "$bin/broca-train" --corpus story.tok --arch $arch,alpha=1 --plan $plan,warmup=30 --out whole --resume &&
        refused 2 'another seed' train --seed 2 --out whole --resume &&
        corpus --tokenizer tokenizer.json --documents line --validation .2 --out other.tok sentences.txt story.txt &&
        refused 2 'another corpus' "$bin/broca-train" --corpus other.tok --arch $arch --plan $plan --out whole --resume
}

# ---- a full disk: on a small one of our own ----

a_full_disk_keeps_the_checkpoint_before() {
    # room for one checkpoint and a half: the first is written, the second is not
    mkdir -p small kept
    unshare -rm sh -c '
        mount -t tmpfs -o size=$1 none small || exit 77
        shift
        "$@" --out small/run 2>err
        status=$?
        cp -r small/run kept/
        exit $status' - "$room" "$bin/broca-train" --corpus story.tok --arch $arch --plan $plan --checkpoint-every 10 --validate-every 60 --validation-windows 8 --threads 1
    got=$?
    [ $got -eq 1 ] && grep -qi 'no space left' err && grep -q 'while writing the checkpoint' err && [ -s kept/run/checkpoint/state.h5 ] ||
        { echo "exit $got"; cat err; ls -laR kept; return 1; }
    [ "$(ls kept/run/checkpoint)" = "$(printf 'state.h5\nweights-10.safetensors')" ] || { ls -laR kept; return 1; }
    train --out kept/run --threads 2 --resume && same whole kept/run
}

# ---- bad settings and token files ----

bad_settings_are_refused() {
    refused 2 'the width 36 is not 5 × 7' "$bin/broca-train" --corpus story.tok --arch $arch,sheet=5x7 --out no &&
        refused 2 'did you mean neighbourhoods?' "$bin/broca-train" --corpus story.tok --arch topolm,neighborhods=3 --out no &&
        refused 2 'did you mean warmup?' "$bin/broca-train" --corpus story.tok --arch topolm --plan warm_up=3 --out no &&
        printf 'arch = topolm\nlayer = 3\n' >bad.conf && refused 2 'bad.conf, line 2: unknown key' "$bin/broca-train" --corpus story.tok --config bad.conf --out no &&
        refused 2 '--arch is needed' "$bin/broca-train" --corpus story.tok --out no &&
        refused 2 '--corpus is needed' "$bin/broca-train" --arch topolm --out no && [ ! -e no ]
}
damaged_token_files_are_refused() {
    head -c 2000 story.tok >short.tok
    refused 2 "short.tok is cut short: 2000 of $(wc -c <story.tok) bytes" "$bin/broca-train" --corpus short.tok --arch $arch --out no || return 1
    cp story.tok wrong.tok
    printf '\220\001' | dd of=wrong.tok bs=1 seek=300 conv=notrunc 2>/dev/null
    refused 2 'wrong.tok: token 22 is 400, beyond the vocabulary of 400' "$bin/broca-train" --corpus wrong.tok --arch $arch --out no && [ ! -e no ]
}
a_run_from_a_file_of_settings_is_the_same() {
    { echo 'arch = topolm'; echo "$arch,$plan" | tr ',' '\n' | sed 1d; } >run.conf
    "$bin/broca-train" --quiet --corpus story.tok --config run.conf --out configured --validate-every 60 --validation-windows 8 && same whole configured
}
the_plan_is_said_without_a_run() {
    "$bin/broca-train" --corpus story.tok --arch $arch --plan $plan --out no --dry-run >out && grep -q 'parameters; 150 steps, 38400 tokens' out && [ ! -e no ]
}

# ---- the pair that lies in models/ ----

the_committed_pair_differs_in_alpha_alone() {
    a=$project/models/topolm-small b=$project/models/topolm-small-control
    cmp "$a/tokenizer.json" "$b/tokenizer.json" && cmp "$a/topography.safetensors" "$b/topography.safetensors" &&
        sed 's/"alpha": 1,/"alpha": 0,/' "$a/config.json" | cmp - "$b/config.json" && ! cmp -s "$a/model.safetensors" "$b/model.safetensors" || return 1
    for m in "$a" "$b"; do
        [ "$(wc -c <"$m/model.safetensors")" -lt 8000000 ] && [ -s "$m/README.md" ] && [ -s "$m/train_log.tsv" ] &&
            "$bin/broca-extract" --list --model "$m" >out && grep -q 'gpt2: 4 layers, width 196, 4 heads, vocabulary 4096, context 128' out || { cat out; return 1; }
    done
}

inputs || { echo 'not ok inputs'; echo '0 passed, 1 failed, 0 skipped'; exit 1; }
check the_token_file_does_not_depend_on_threads_or_folders a_tokenizer_that_is_there_gives_the_same_tokens inspect_tells_what_a_token_file_holds bad_texts_are_refused \
    the_folder_is_a_model_that_broca_reads the_loss_of_the_log_is_that_of_the_model \
    killed_at_random_steps_on_one_thread killed_at_random_steps_on_two_threads \
    a_signal_checkpoints_and_exits_3 a_second_process_is_refused a_checkpoint_is_not_overwritten_unasked \
    a_checkpoint_of_another_configuration bad_settings_are_refused damaged_token_files_are_refused \
    a_run_from_a_file_of_settings_is_the_same the_plan_is_said_without_a_run the_committed_pair_differs_in_alpha_alone
one=$(du -sb whole/checkpoint | cut -f 1)
room=$((one * 3 / 2 / 1024 + 24))k
mkdir -p small
if unshare -rm mount -t tmpfs -o size=64k none small 2>/dev/null; then check a_full_disk_keeps_the_checkpoint_before
else skip a_full_disk_keeps_the_checkpoint_before 'no small disk can be mounted here'; fi

finish
