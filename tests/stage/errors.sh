#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Bad input from outside: each gets one clear error (what, where), its exit status (2; 1 for the disk), and leaves nothing:
# no product, no temporary file, no lock. All inputs are made here.

# shellcheck disable=SC2086,SC2317  # $encode and $extract are several words; the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C.UTF-8

# works STAGE ARGUMENT...
works() { "$broca" "$@" >.out 2>.err </dev/null || { echo "exit $?: broca $*"; cat .err; return 1; }; }
says() { grep -qiF -- "$1" .err || { echo "the error does not say: $1"; cat .err; return 1; }; }

# refused STATUS TEXT... -- STAGE ARGUMENT...: this status, one error with all the texts, nothing on stdout, no file more or
# less than before. Products go to new/.
refused() {
    want=$1
    shift
    : >.texts
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>.texts
        shift
    done
    shift
    stage=$1
    mkdir -p new
    listed >.before
    "$broca" "$@" >.out 2>.err </dev/null
    got=$?
    [ $got -eq "$want" ] || { echo "exit $got, expected $want: broca $*"; cat .err; return 1; }
    while IFS= read -r text; do says "$text" || return 1; done <.texts
    one_error "$stage" && nothing_left
}
# The error is one line; what follows it is indented and belongs to it. Warnings may stand before it.
one_error() {
    [ ! -s .out ] || { echo 'on stdout:'; cat .out; return 1; }
    grep -v "^broca $1: warning: " .err >.error
    awk -v head="broca $1: " 'NR == 1 ? index($0, head) != 1 : !/^  (while|hint:) / { bad = 1 } END { exit bad || NR < 1 || NR > 6 }' \
        .error || { echo 'not one clear error:'; cat .err; return 1; }
}
# every file but the test's own, .NAME at the top
listed() { find . -mindepth 1 ! -path './.[!/]*' | sort; }
nothing_left() {
    listed >.after
    cmp -s .before .after || { echo 'files differ:'; diff .before .after; return 1; }
}

# ---- inputs ----

# A GPT-2 folder with a tokenizer of the letters, 24 items in 6 groups, a story of 6 words.
inputs() {
    mkdir -p letters story
    awk 'BEGIN { printf "{"; for (i = 0; i < 26; i++) printf "\"%c\":%d,", 97 + i, i; print "\"Ġ\":26,\"<|endoftext|>\":27}" }' \
        >letters/vocab.json
    echo '#version: 0.2' >letters/merges.txt
    awk -F '\t' 'NR == 1 { print "id\ttext\tgroup" } NR > 1 && NR <= 25 { print $1 "\t" $2 "\t" int((NR - 2) / 4) }' \
        "$project/stimuli/langloc-broca/stimuli.tsv" >items.tsv
    responses 24 0 >responses.tsv
    head -n 7 "$project/stimuli/simulated-story/words.tsv" >words.tsv
    works import --from table items.tsv --out items.h5 &&
        works import --from table --as responses responses.tsv --out responses.h5 &&
        works import --from words words.tsv --out words.h5 &&
        works extract --arch gpt2,layers=2,width=16,heads=2,context=128,tokenizer=letters --seed 7 --stimuli items.h5 \
            --save-model good --out features.h5 || return 1
    length=$(od -An -tu8 -N8 good/model.safetensors | tr -d ' ')
    tail -c +9 good/model.safetensors | head -c "$length" >header
    tail -c +$((length + 9)) good/model.safetensors >data
    [ "$(wc -c <data)" -gt 1000 ]
}
responses() { # responses ROWS CONSTANT...: as TSV, 2 subjects × 2 regions; the columns CONSTANT (1-4) are 3.5
    awk -v n="$1" -v fixed=" $2 " 'BEGIN { printf "id"; for (j = 0; j < 4; j++) printf "\ts%d:R%d", 1 + int(j / 2), j % 2; print ""
        for (i = 1; i <= n; i++) { printf "s%03d", i; for (j = 0; j < 4; j++)
            printf "\t%s", index(fixed, " " j + 1 " ") ? "3.5" : sprintf("%.6f", sin(i * 7.3 + j * i)); print "" } }'
}

# ---- models ----

byte64() { # eight bytes, little-endian
    n=$1
    for _ in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2059  # the format is the byte
        printf "\\$(printf %03o $((n & 255)))"
        n=$((n >> 8))
    done
}
fresh() { rm -rf bad && cp -r good bad; }
with_header() { # with_header SED-SCRIPT: the header, spoilt, with the right length and the same data
    sed "$1" header >.header
    ! cmp -s header .header || { echo "sed $1 changed nothing"; return 1; }
    fresh && { byte64 "$(wc -c <.header)"; cat .header data; } >bad/model.safetensors
}
with_config() { # with_config SED-SCRIPT
    fresh && sed "$1" good/config.json >bad/config.json
    ! cmp -s good/config.json bad/config.json || { echo "sed $1 changed nothing"; return 1; }
}
refuses_model() { refused 2 "$@" -- extract --model bad --stimuli items.h5 --out new/a.h5; }
refuses_header() { # refuses_header SED-SCRIPT TEXT...
    with_header "$1" || return 1
    shift
    refuses_model bad/model.safetensors "$@"
}

the_good_folder_is_read() { fresh && works extract --model bad --stimuli items.h5 --out again.h5 && rm again.h5 again.h5.json; }
truncated_weights() {
    for n in 0 1 7 8 9 $((length / 2)) $((length + 7)) $((length + 8)) $((size / 2)) $((size - 4)) $((size - 1)); do
        fresh && head -c "$n" good/model.safetensors >bad/model.safetensors || return 1
        if [ "$n" -gt $((length + 8)) ]; then refuses_model bad/model.safetensors transformer. 'truncated or damaged'
        else refuses_model bad/model.safetensors; fi || { echo "cut to $n of $size bytes"; return 1; }
    done
}
bytes_after_the_last_tensor() { fresh && printf more >>bad/model.safetensors && refuses_model bad/model.safetensors 'the file holds'; }
a_header_longer_than_its_file() {
    for n in $((size - 7)) 4294967296 9223372036854775807 -1; do
        fresh && byte64 "$n" | dd of=bad/model.safetensors conv=notrunc 2>.err && refuses_model 'the header claims' || return 1
    done
}
a_header_that_ends_in_the_data() {
    fresh && byte64 $((length + 64)) | dd of=bad/model.safetensors conv=notrunc 2>.err && refuses_model bad/model.safetensors
}
a_header_that_lies_about_shapes() {
    refuses_header 's/\[16,48\]/[16,49]/' c_attn.weight '784 elements of F32 are 3136 bytes, the header gives it 3072' &&
        refuses_header 's/\[16,48\]/[4294967296,4294967296]/' c_attn.weight &&
        refuses_header 's/\[16,48\]/[-16,-48]/' c_attn.weight 'not a whole number' &&
        refuses_header 's/\[16,48\]/[1.5,512]/' c_attn.weight 'not a whole number' &&
        refuses_header 's/\[16,48\]/[1e300,48]/' c_attn.weight &&
        refuses_header 's/\[16,48\]/[2,2,2,2,2,2,2,2,3]/' c_attn.weight '8 dimensions' &&
        refuses_header 's/"F32","shape":\[16,48\]/"F33","shape":[16,48]/' c_attn.weight "unknown dtype 'F33'" || return 1
    with_header 's/\[16,48\]/[48,16]/' && refuses_model c_attn.weight '[48×16], config.json asks for [16×48]'
}
# The bytes of one tensor as the bounds of another: an overlap here, a hole there.
a_header_that_lies_about_places() {
    from=$(place h.0.ln_1.weight) to=$(place h.0.ln_1.bias)
    refuses_header "s/\\[$to\\]/[$from]/" overlap ln_1.weight ln_1.bias &&
        refuses_header "s/\\[$from\\]/[$to]/" &&
        refuses_header "s/\\[$to\\]/[${to#*,},${to%,*}]/" ln_1.bias 'not two rising whole numbers' &&
        refuses_header "s/\\[$to\\]/[${to%,*},99999999999]/" ln_1.bias 'ends at byte 99999999999' &&
        with_header 's/"transformer.h.0.ln_1.bias"/"transformer.h.0.ln_1.weight"/' && refuses_model 'bad: tensor' 'ln_1.weight is there twice'
}
place() { sed 's/.*"transformer\.'"$1"'":{[^}]*"data_offsets":\[\([0-9,]*\)\].*/\1/' header; }
# Element 21 of a [16 × 64] tensor is row 0, column 21.
a_weight_that_is_not_finite() {
    at=$(place h.1.mlp.c_fc.weight)
    at=$((8 + length + ${at%,*} + 4 * 21))
    for value in '\000\000\300\177 NaN' '\000\000\200\177 inf' '\000\000\200\377 -inf'; do
        fresh && printf "${value% *}" | dd of=bad/model.safetensors bs=1 seek=$at conv=notrunc 2>.err &&
            refuses_model bad h.1.mlp.c_fc.weight "${value#* }" 21 || return 1
    done
}
a_missing_tensor() {
    with_header 's/h\.1\.mlp\.c_fc\.weight/h.1.mlp.c_fx.weight/' &&
        refuses_model 'bad: the tensor transformer.h.1.mlp.c_fc.weight is missing' &&
        with_header 's/wte\.weight/wtf.weight/' && refuses_model 'wte.weight is missing'
}
a_missing_shard() {
    fresh && rm bad/model.safetensors && refuses_model 'bad has neither model.safetensors nor' &&
        echo '{"weight_map":{"transformer.wte.weight":"model-00001-of-00002.safetensors"}}' >bad/model.safetensors.index.json &&
        refuses_model bad/model-00001-of-00002.safetensors &&
        echo '{"weight_map":{"transformer.wte.weight":"../good/model.safetensors"}}' >bad/model.safetensors.index.json &&
        refuses_model 'no file of this folder'
}
an_unknown_architecture() {
    with_config 's/"model_type": "gpt2"/"model_type": "gtp2"/' && refuses_model bad/config.json "'gtp2'" gpt2 &&
        with_config 's/"model_type": "gpt2"/"model_type": "mamba"/' && refuses_model bad/config.json "'mamba'" &&
        refused 2 "'mamba'" -- extract --model bad --untrained --stimuli items.h5 --out new/a.h5 &&
        with_config '/"model_type"/d' && refuses_model bad/config.json 'model_type is missing' &&
        refused 2 --arch "'gtp2'" "the nearest one is 'gpt2'" -- extract --arch gtp2,layers=2 --stimuli items.h5 --out new/a.h5
}
a_config_of_another_model() {
    with_config 's/"n_embd": 16/"n_embd": 32/' && refuses_model 'config.json asks for' &&
        with_config 's/"n_layer": 2/"n_layer": 3/' && refuses_model 'transformer.h.2.' 'is missing' &&
        with_config 's/"n_head": 2/"n_head": 3/' && refuses_model bad/config.json &&
        with_config 's/"n_layer": 2/"n_layer": -2/' && refuses_model bad/config.json n_layer &&
        with_config 's/"n_embd": 16/"n_embd": 4000000000000/' && refuses_model bad/config.json n_embd &&
        with_config 's/"n_embd": 16,/"n_embd": 16/' && refuses_model bad/config.json &&
        fresh && rm bad/config.json && refuses_model bad/config.json
}

# ---- timed words ----

textgrid() { # the story of words.tsv as alice2016's folder has it, with a SED-SCRIPT over it
    mkdir -p story/alice_stim_shared
    awk -F '\t' -v q='"' 'NR == 1 { print "File type = " q "ooTextFile" q "\nObject class = " q "TextGrid" q "\n\nxmin = 0\nxmax = 4\n" \
                "tiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n        class = " q "IntervalTier" q "\n        name = " q "word" q \
                "\n        xmin = 0\n        xmax = 4\n        intervals: size = 6"; next }
        { printf "        intervals [%d]:\n            xmin = %s\n            xmax = %s\n            text = \"%s\"\n", NR - 1, $2, $3, $1 }' \
        words.tsv | sed "$1" >story/alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid
}
refuses_textgrid() { # refuses_textgrid SED-SCRIPT TEXT...
    textgrid "$1"
    shift
    refused 2 .TextGrid "$@" -- import --from alice story --out new/s.h5
}
overlapping_words_of_a_textgrid() {
    textgrid '' && works import --from alice story --out new/s.h5 && rm new/s.h5 new/s.h5.json || return 1
    refuses_textgrid 's/xmin = 2\.415/xmin = 2.3/' 'intervals overlap' "'old' ends at 2.4150 s, 'bridge' begins at 2.3000 s" 'line 26'
}
other_damage_of_a_textgrid() {
    refuses_textgrid 's/xmax = 2\.769/xmax = 2.1/' "'bridge' ends at 2.1000 s, before it begins" &&
        refuses_textgrid 's/xmin = 2\.415/xmin = two/' "'two' is no time" 'line 24' &&
        refuses_textgrid 's/xmin = 2\.415/xmin = nan/' "'nan' is no time" &&
        refuses_textgrid 's/"bridge"/"bridge/' 'line 26' 'does not end' &&
        refuses_textgrid '31,$d' '6 intervals are announced' 'cut short' &&
        refuses_textgrid 's/"word"/"phone"/' 'no interval tier called "word"' &&
        rm -r story/alice_stim_shared && refused 2 .TextGrid -- import --from alice story --out new/s.h5
}
disorder_in_a_table_of_words() {
    sed 's/^bridge	2.415/bridge	1.9/' words.tsv >disorder.tsv
    refused 2 disorder.tsv -- import --from words disorder.tsv --out new/s.h5 &&
        sed 's/	2.415	2.769/	2.415	soon/' words.tsv >disorder.tsv &&
        refused 2 disorder.tsv "'soon'" -- import --from words disorder.tsv --out new/s.h5
}

# ---- responses ----

encode='encode --features m=features.h5:h.1 --stimuli items.h5 --folds group:3 --responses' # and the file; never quoted
given() { works import --from table --as responses given.tsv --out given.h5; }
# Each neuroid's mean r by name, whether or not excluded ones have a place.
mean_r() {
    rm -rf columns && works export "$1" --to tsv --out columns/ || return 1
    paste columns/neuroid.tsv columns/set.m.tsv |
        awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            { print $at["subject"] ":" $at["roi"] " " $at["r_mean"] " " $at["r2_pooled"] " " $at["n_nan"] }' | sort
}
a_constant_neuroid_is_excluded_counted_and_named() {
    responses 24 0 >given.tsv && given && works $encode given.h5 --out whole.h5 && mean_r whole.h5 >whole.r || return 1
    responses 24 3 >given.tsv && given && works $encode given.h5 --out less.h5 || return 1
    says 'neuroid s2:R0' && says 'is excluded: constant in all 24 presentations' && mean_r less.h5 >less.r || return 1
    [ "$(tail -n +2 columns/excluded.tsv | wc -l)" -eq 1 ] && grep -q '^s2:R0.*	constant in all 24 presentations$' columns/excluded.tsv &&
        grep -q 'neuroid s2:R0.* is excluded' columns/warnings.tsv || { cat columns/excluded.tsv columns/warnings.tsv; return 1; }
    ! grep -E '^s2:R0 -?[0-9]' less.r || return 1
    # the others are what they were, bit for bit
    grep -v '^s2:R0 ' whole.r >want && grep -v '^s2:R0 ' less.r >have && [ "$(wc -l <want)" -eq 3 ] && cmp want have
}
the_excluded_are_counted() {
    responses 24 '1 4' >given.tsv && given && works $encode given.h5 --out less.h5 && mean_r less.h5 >less.r || return 1
    [ "$(tail -n +2 columns/excluded.tsv | cut -c1-5 | tr '\n' ' ')" = 's1:R0 s2:R1 ' ] || { cat columns/excluded.tsv; return 1; }
}
# One cell that is missing excludes its neuroid, with the presentation; a presentation that is not used does not count.
a_neuroid_with_a_hole_is_excluded_counted_and_named() {
    responses 24 0 >given.tsv && given && works $encode given.h5 --out whole.h5 && mean_r whole.h5 >whole.r || return 1
    responses 24 0 | awk 'BEGIN { FS = OFS = "\t" } NR == 10 { $3 = "NaN" } NR == 20 { $5 = "" } { print }' >given.tsv && given && works $encode given.h5 --out less.h5 || return 1
    says 'neuroid s1:R1:1 is excluded: not a finite number in presentation 9' && says 'neuroid s2:R1:1 is excluded: not a finite number in presentation 19' &&
        mean_r less.h5 >less.r || return 1
    [ "$(tail -n +2 columns/excluded.tsv | cut -f 1 | tr '\n' ' ')" = 's1:R1:1 s2:R1:1 ' ] || { cat columns/excluded.tsv; return 1; }
    ! grep -E '^s[12]:R1 -?[0-9]' less.r && grep ':R0 ' whole.r >want && grep ':R0 ' less.r >have && [ "$(wc -l <want)" -eq 2 ] && cmp want have || return 1
    awk 'BEGIN { print "fold"; for (i = 0; i < 24; i++) print i % 2 }' >labels.tsv
    works encode --features m=features.h5:h.1 --stimuli items.h5 --responses given.h5 --drop-start 10 --folds given:labels.tsv --inner group:2 --out late.h5 && mean_r late.h5 >late.r || return 1
    [ "$(tail -n +2 columns/excluded.tsv | cut -f 1)" = s2:R1:1 ] && grep -qE '^s1:R1 -?[0-9]' late.r || { cat columns/excluded.tsv late.r; return 1; }
}
# Null responses of an excluded neuroid are not further excluded ones.
nulls_of_the_excluded_are_not_listed() {
    responses 24 3 >given.tsv && given && works $encode given.h5 --null group:3 --out less.h5 && [ "$(grep -c 'is excluded' .err)" -eq 1 ] || { cat .err; return 1; }
    works export less.h5 --dataset excluded/neuroid --to tsv --out columns.tsv && [ "$(tail -n +2 columns.tsv)" = s2:R0:0 ] || { cat columns.tsv; return 1; }
}
constant_neuroids_only() {
    responses 24 '1 2 3 4' >given.tsv && given && refused 2 constant -- $encode given.h5 --out new/e.h5
}
fewer_volumes_than_folds() {
    for n in 1 5; do
        responses $n 0 | awk -F '\t' '{ print $0 "\t" (NR == 1 ? "onset" : 2 * NR) }' >few.tsv
        [ $n = 1 ] && why='of 1' || why='fold 1 of 6 has 1 test presentations, at least 2 are needed'
        works import --from table --as responses few.tsv --tr 2 --out few.h5 &&
            refused 2 "$why" -- encode --features rate=words.h5:word_rate --responses few.h5 --delays 0 --folds contiguous:6,gap=0 \
                --out new/e.h5 &&
            refused 2 "$why" -- ceiling --responses few.h5 --folds contiguous:6,gap=0 --out new/c.h5 || return 1
    done
}
fewer_groups_than_folds() {
    refused 2 '6 groups are too few for 7 folds' -- encode --features m=features.h5:h.1 --stimuli items.h5 --responses responses.h5 --folds group:7 --out new/e.h5
}
other_items_than_those_of_the_features() {
    sed 's/^s003/x003/' responses.tsv >given.tsv && given && refused 2 x003 -- $encode given.h5 --out new/e.h5
}

# ---- usage ----

misspelt_options() {
    for pair in 'encode resposnes responses' 'extract stimul stimuli' 'localize contarst contrast' 'ceiling methd method' \
        'score agregate aggregate' 'simulate subject subjects' 'report titel title' 'import radus radius'; do
        set -- $pair
        refused 2 "unknown option '--$2'" "did you mean --$3?" -- "$1" "--$2" x --out new/x.h5 &&
            refused 2 "unknown option '--$2" "did you mean --$3?" -- "$1" "--$2=x" --out new/x.h5 || return 1
    done
}
misspelt_values() {
    refused 2 --target "'singel'" "did you mean 'single'?" -- encode --target singel --out new/e.h5 &&
        refused 2 --select "'mes'" "did you mean 'mse'?" -- encode --select mes --out new/e.h5 &&
        refused 2 --pool "'lst'" "did you mean 'last'?" -- extract --pool lst --out new/a.h5 &&
        refused 2 --match "'tokns'" "did you mean 'tokens'?" -- localize --match tokns --out new/l.h5 &&
        refused 2 --method "'splithlaf'" "did you mean 'splithalf'?" -- ceiling --method splithlaf --out new/c.h5 &&
        refused 2 --aggregate "'median '" -- score --aggregate 'median ' --out new/s.h5 &&
        refused 2 --from "'tabel'" "did you mean 'table'?" -- import --from tabel items.tsv --out new/s.h5
}
misspelt_names() {
    refused 2 features.h5 "'h.l'" 'it has embed h.0 h.1 final' -- encode --features m=features.h5:h.l --responses responses.h5 --stimuli items.h5 \
        --folds group:3 --out new/e.h5 &&
        refused 2 h.2 -- extract --model good --layers h.2 --stimuli items.h5 --out new/a.h5 &&
        refused 2 contigous -- encode --features m=features.h5:h.1 --responses responses.h5 --stimuli items.h5 \
            --folds contigous:3 --out new/e.h5 &&
        refused 2 "'rat'" -- encode --features rate=features.h5:h.0 --features m=features.h5:h.1 --baseline rat \
            --responses responses.h5 --stimuli items.h5 --folds group:3 --out new/e.h5
}
numbers_that_are_none() {
    refused 2 --threads "'two'" -- encode --threads two --out new/e.h5 &&
        refused 2 --subjects "'-1'" -- simulate --subjects -1 --out new/r.h5 &&
        refused 2 'AR(1)' 1.5 -- simulate --stimuli items.h5 --features features.h5:h.1 --ar 1.5 --out new/r.h5 &&
        refused 2 'shares of variance' 0.9 -- simulate --stimuli items.h5 --features features.h5:h.1 --signal .9 --baseline .9 --out new/r.h5 &&
        refused 2 --seed "'a'" -- extract --model good --seed a --stimuli items.h5 --out new/a.h5
}
a_file_of_another_kind() {
    refused 2 items.h5 stimuli responses -- encode --features m=features.h5:h.1 --responses items.h5 --folds group:3 --out new/e.h5 &&
        refused 2 responses.h5 -- score --encoding responses.h5 --out new/s.h5 &&
        refused 2 items.tsv 'not an HDF5 file' -- extract --model good --stimuli items.tsv --out new/a.h5 &&
        refused 2 absent.h5 'No such file' -- ceiling --responses absent.h5 --out new/c.h5
}

# ---- disk ----

# A disk of so many kB is mounted over new/ in a name space of our own; what is left on it is listed before it goes.
on_disk() { # on_disk SIZE STAGE ARGUMENT...; exit status in $got, files in .left
    unshare -rm sh -c 'mount -t tmpfs -o size="$1" none new && shift && "$@"; s=$?; find new -mindepth 1 >.left; exit $s' - "$@" \
        >.out 2>.err </dev/null
    got=$?
}
fills_disk() { # fills_disk SIZE STAGE ARGUMENT...
    size_kb=$1 stage=$2
    shift
    : >.left
    on_disk "$size_kb" "$broca" "$@"
    [ $got -eq 1 ] && says 'No space left' && one_error "$stage" && [ ! -s .left ] && return 0
    echo "exit $got on a disk of $size_kb: broca $*"
    cat .err .left
    return 1
}
a_full_disk() {
    mkdir -p new && tale || return 1
    fills_disk 32k import --from table --as responses many.tsv --out new/r.h5 &&
        fills_disk 8k import --from words "$project/stimuli/simulated-story/words.tsv" --out new/s.h5 &&
        fills_disk 128k $extract --out new/a.h5 &&
        fills_disk 16k simulate --stimuli tale.h5 --features tale.a.h5:h.1 --subjects 4 --tr 2 --out new/r.h5 &&
        fills_disk 4k $encode responses.h5 --out new/e.h5 &&
        fills_disk 4k ceiling --responses tale.r.h5 --folds contiguous:4,gap=10 --out new/c.h5 &&
        fills_disk 4k score --encoding tale.e.h5 --out new/s.h5 &&
        fills_disk 4k report --scores tale.s.h5 --out new/s.html
}
a_full_disk_for_the_saved_model() {
    fills_disk 16k extract --arch gpt2,layers=2,width=16,heads=2,context=128,tokenizer=letters --stimuli items.h5 \
        --save-model new/m --out other.h5 && [ ! -e other.h5 ]
}
# Wherever the room ends, in the product, in its sidecar, or in what lies beside: all is there, or nothing.
wherever_the_room_ends_all_or_nothing() {
    mkdir -p new && tale && whole=0 none=0 || return 1
    for kb in 4 8 12 16 20 24 28 32 36 40 44 48 52 56 60 64 68 72; do
        on_disk ${kb}k "$broca" score --encoding tale.e.h5 --out new/s.h5
        case "$got $(sort .left | tr '\n' ' ')" in
        '0 new/s.h5 new/s.h5.json new/s.tsv ') whole=$((whole + 1)) ;;
        '1 ') none=$((none + 1)) ;;
        *) echo "exit $got on $kb kB, left:" && cat .left .err && return 1 ;;
        esac
    done
    for kb in 4 8 12 16 20 24 28 32; do
        on_disk ${kb}k "$broca" $encode responses.h5 --out new/e.h5
        case "$got $(sort .left | tr '\n' ' ')" in
        '0 new/e.h5 new/e.h5.json ') whole=$((whole + 1)) ;;
        '1 ') none=$((none + 1)) ;;
        *) echo "exit $got on $kb kB, left:" && cat .left .err && return 1 ;;
        esac
    done
    echo "$whole whole, $none none"
    [ $whole -ge 2 ] && [ $none -ge 4 ]
}
# The same without a mount: a limit on the size of files (EFBIG instead of ENOSPC).
a_limit_on_the_size_of_files() {
    mkdir -p new && tale || return 1
    for what in "$extract --out new/a.h5" \
        "$encode responses.h5 --out new/e.h5" \
        'score --encoding tale.e.h5 --out new/s.h5'; do
        listed >.before
        (trap '' XFSZ && ulimit -f 8 && exec "$broca" $what) >.out 2>.err </dev/null
        got=$?
        [ $got -eq 1 ] && says " new/" && one_error "${what%% *}" && nothing_left || { echo "exit $got: $what"; return 1; }
    done
}
extract='extract --arch gpt2,layers=2,width=16,heads=2,context=64,tokenizer=bytes --context window:64 --pool word --stimuli tale.h5'
# Products of some size, made once: a story, its features, responses, encodings, scores.
tale() {
    [ ! -e tale.s.h5 ] || return 0
    awk 'BEGIN { printf "id"; for (j = 0; j < 60; j++) printf "\ts:R%d", j; print ""
        for (i = 0; i < 300; i++) { printf "p%d", i; for (j = 0; j < 60; j++) printf "\t%.6f", sin(i * 61 + j); print "" } }' >many.tsv
    works import --from words "$project/stimuli/simulated-story/words.tsv" --out tale.h5 &&
        works $extract --out tale.a.h5 &&
        works simulate --stimuli tale.h5 --features tale.a.h5:h.1 --subjects 3 --neuroids 3 --tr 2 --out tale.r.h5 &&
        works encode --features m=tale.a.h5 --features rate=tale.h5:word_rate --baseline rate --candidates 3 --responses tale.r.h5 \
            --folds contiguous:4,gap=10 --out tale.e.h5 && works score --encoding tale.e.h5 --out tale.s.h5
}

# ---- places, locks, fetch ----

a_folder_that_cannot_be_made() {
    refused 1 items.tsv/new 'Not a directory' -- extract --model good --stimuli items.h5 --out items.tsv/new/a.h5
}
a_product_that_another_process_writes() {
    mkdir -p new && : >new/.a.h5.lock
    exec 9>new/.a.h5.lock
    flock -n 9 && refused 1 new/a.h5 'another process' -- extract --model good --stimuli items.h5 --out new/a.h5
    status=$?
    exec 9>&-
    rm -f new/.a.h5.lock
    return $status
}
# An error leaves the product that was there before as it was.
a_product_survives_a_failed_replacement() {
    works extract --model good --stimuli items.h5 --out kept.h5 && cp kept.h5 kept && cp kept.h5.json kept.json || return 1
    a_missing_tensor && refused 2 missing -- extract --model bad --stimuli items.h5 --out kept.h5 && cmp kept kept.h5 &&
        cmp kept.json kept.h5.json
}
# pipeline/fetch has its own suite; here, the one promise: bytes that data.tsv does not name are refused.
a_fetched_file_with_a_wrong_hash() {
    mkdir -p mirror/tiny fetched && cp good/config.json good/model.safetensors mirror/tiny/ || return 1
    {
        printf 'dataset\tpath\tbytes\tsha256\tlicence\turl\n'
        for f in config.json model.safetensors; do
            printf 'tiny\t%s\t%s\t%s\tMIT\t-\n' $f "$(wc -c <good/$f)" "$(sha256sum <good/$f | cut -d' ' -f1)"
        done
    } >data.tsv
    at=$(place h.1.mlp.c_fc.weight)
    printf '\001' | dd of=mirror/tiny/model.safetensors bs=1 seek=$((8 + length + ${at%,*})) conv=notrunc 2>.err
    ! cmp -s good/model.safetensors mirror/tiny/model.safetensors || return 1
    (unset BROCA_OFFLINE && BROCA_DATA_TSV=$work/data.tsv BROCA_DATA_ROOT=$work/fetched BROCA_MIRROR=$work/mirror "$project/pipeline/fetch" tiny) \
        >.out 2>.err </dev/null
    got=$?
    [ $got -eq 2 ] && says 'model.safetensors is not the file' && says "$(sha256sum <good/model.safetensors | cut -d' ' -f1)" &&
        says "$(sha256sum <mirror/tiny/model.safetensors | cut -d' ' -f1)" || { echo "exit $got"; cat .out .err; return 1; }
    [ -z "$(find fetched -type f)" ] || { find fetched; return 1; }
}

check inputs
size=$(wc -c <good/model.safetensors) length=$(wc -c <header)
check the_good_folder_is_read truncated_weights bytes_after_the_last_tensor a_header_longer_than_its_file \
    a_header_that_ends_in_the_data a_header_that_lies_about_shapes a_header_that_lies_about_places a_weight_that_is_not_finite \
    a_missing_tensor a_missing_shard an_unknown_architecture a_config_of_another_model
check overlapping_words_of_a_textgrid other_damage_of_a_textgrid disorder_in_a_table_of_words
check a_constant_neuroid_is_excluded_counted_and_named the_excluded_are_counted
check a_neuroid_with_a_hole_is_excluded_counted_and_named nulls_of_the_excluded_are_not_listed constant_neuroids_only fewer_volumes_than_folds \
    fewer_groups_than_folds other_items_than_those_of_the_features
check misspelt_options misspelt_values misspelt_names numbers_that_are_none a_file_of_another_kind
disk='a_full_disk a_full_disk_for_the_saved_model wherever_the_room_ends_all_or_nothing'
mkdir -p new
if unshare -rm mount -t tmpfs -o size=64k none new 2>/dev/null; then check $disk
else for name in $disk; do skip "$name" 'no small disk can be mounted here'; done; fi
check a_limit_on_the_size_of_files a_folder_that_cannot_be_made a_product_that_another_process_writes \
    a_product_survives_a_failed_replacement a_fetched_file_with_a_wrong_hash

finish
