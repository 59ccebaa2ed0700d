# SPDX-License-Identifier: MIT
# Rows of make verify: token files and tokenizers against the reference's recipe; the pair that this program trained.

# bound CLAIM COMMAND SOURCE OURS RELATION LIMIT: ours < or > than a stated limit
bound() {
    status=$(awk -v a="$4" -v r="$5" -v t="$6" 'BEGIN { print (a != "" && (r == "<" ? a + 0 < t + 0 : a + 0 > t + 0)) ? "pass" : "fail" }')
    printf '%s\t%s\t%s\t%s\t%s %s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "$6" 'bound' "$status" >>"$out"
    printf '%-4s %s: %s, stated %s %s\n' "$status" "$1" "$4" "$5" "$6"
}

# ---- broca corpus: twelve novels of ELTeC-eng, as reference/topolm_small ----
novels=stimuli/obtained/eltec-eng
reference=$shared/reference/topolm_small
command='broca corpus --train-bpe 4096 --held-out ENG18952.txt ... --out novels.tok ENG18471.txt ...'
source='reference/topolm_small/README.md: an independent Python program'
if [ -f $novels/ENG18471.txt ] || pipeline/fetch eltec-eng >/dev/null 2>&1; then
    train='' held=''
    for n in 18471 18482 18510 18540 18610 18630 18700 18760 18820 18860 18900 18920; do train="$train $novels/ENG$n.txt"; done
    for n in 18952 19011 19100; do held="$held --held-out $novels/ENG$n.txt"; done
    # shellcheck disable=SC2086
    "$bin/broca-corpus" --quiet --train-bpe 4096 $held --save-tokenizer $work/tokenizer.json --out $work/novels.tok $train || exit 1
    "$bin/broca-inspect" $work/novels.tok >$work/novels.txt
    row 'ELTeC, 12 + 3 novels: training tokens' "$command" "$source" "$(awk '$1 == "training" { print $2 }' $work/novels.txt)" 1663510 equal
    row 'ELTeC, 12 + 3 novels: held-out tokens' "$command" "$source" "$(awk '$1 == "validation" { print $2 }' $work/novels.txt)" 261942 equal
    row 'ELTeC: SHA-256 of the training tokens (uint16)' "$command" "$source" \
        "$(tail -c +257 $work/novels.tok | head -c 3327020 | sha256sum | cut -c1-64)" e591d894828271b2bc77c83a01e42b83b2366bea3882cb6407704c7d95ce076e equal
    row 'ELTeC: SHA-256 of the held-out tokens (uint16)' "$command" "$source" \
        "$(tail -c +3327277 $work/novels.tok | head -c 523884 | sha256sum | cut -c1-64)" 7235e4c6b833fc8eac52e27c67b568a6c6e60aaaabeb1f7fdcf0ab4bb9707d16 equal
    if [ -f "$reference/tokenizer.json" ]; then
        row 'BPE of 4,096 trained on the 12 novels: SHA-256 of tokenizer.json' "$command" "$source" \
            "$(sha256sum <$work/tokenizer.json | cut -c1-64)" "$(sha256sum <"$reference/tokenizer.json" | cut -c1-64)" equal
    else
        skip 'BPE of 4,096 trained on the 12 novels: SHA-256 of tokenizer.json' "$command" "$source" 'reference/topolm_small is not here'
    fi
else
    skip 'ELTeC: tokens and tokenizer' "$command" "$source" 'eltec-eng cannot be had here'
fi

# ---- the committed pair: models/topolm-small and its control ----
# moran MODEL ITEMS OPTIONS: $work/{I,p}.txt, a value a sheet
moran() {
    "$bin/broca-extract" --quiet --model models/$1 --stimuli $2 --layers h.0-3.attn,h.0-3.mlp --pool mean --special no --out $work/a.h5 &&
        "$bin/broca-localize" --quiet --activations $work/a.h5 --stimuli $2 $3 --out $work/l.h5 &&
        "$bin/broca-topography" --quiet --localizer $work/l.h5 --activations $work/a.h5 --stimuli $2 --smooth 0 --out $work/t.h5 || return 1
    column $work/t.h5 table/I >$work/I.txt && column $work/t.h5 table/p >$work/p.txt
}
mean_of() { awk '{ for (i = 1; i <= NF; i++) s += $i; printf "%.4f", s / NF }' $work/$1.txt; }
most_of() { awk '{ m = $1; for (i = 2; i <= NF; i++) if ($i > m) m = $i; printf "%.4g", m }' $work/$1.txt; }
least_of() { awk '{ m = $1; for (i = 2; i <= NF; i++) if ($i < m) m = $i; printf "%.4g", m }' $work/$1.txt; }
# last MODEL COLUMN: of the last line of its log
last() { tail -n 1 models/$1/train_log.tsv | cut -f "$2"; }

"$bin/broca-import" --quiet --from table stimuli/langloc-broca/stimuli.tsv --out $work/langloc.h5 &&
    "$bin/broca-import" --quiet --from table stimuli/wordlists-broca/stimuli.tsv --out $work/wordlists.h5 || exit 1
sheet='broca extract --layers h.0-3.attn,h.0-3.mlp --pool mean --special no; localize --contrast S-N --match none; topography'
card='models/topolm-small/README.md'
for model in topolm-small topolm-small-control; do
    moran $model $work/langloc.h5 '--contrast S-N --match none' || exit 1
    case $model in
    topolm-small)
        bound "$model: unsmoothed queen I of the localizer, mean of 8 sheets" "$sheet" 'stated goal' "$(mean_of I)" '>' .6
        bound "$model: largest permutation p of the 8 sheets" "$sheet" 'stated goal' "$(most_of p)" '<' .01
        row "$model: unsmoothed queen I of the localizer, mean of 8 sheets" "$sheet" "$card" "$(mean_of I)" .6267 .002
        matched=.5703 nouns=.5924 ;;
    *)
        row "$model: unsmoothed queen I of the localizer, mean of 8 sheets" "$sheet" '0 within .06 (METHODS 8.12)' "$(mean_of I)" 0 .06
        bound "$model: smallest permutation p of the 8 sheets (Bonferroni .05 / 8)" "$sheet" 'its null' "$(least_of p)" '>' .00625
        matched=.0078 nouns=-.0156 ;;
    esac
    moran $model $work/langloc.h5 '--contrast S-N --match tokens' || exit 1
    row "$model: the same with token counts matched" "$(echo "$sheet" | sed 's/match none/match tokens/')" "$card" "$(mean_of I)" $matched .002
    moran $model $work/wordlists.h5 '--condition class --contrast noun-verb --match none' || exit 1
    row "$model: noun - verb (stimuli/wordlists-broca)" 'localize --condition class --contrast noun-verb --match none' "$card" "$(mean_of I)" $nouns .002
done
row 'topolm-small: validation loss relative to the control, per cent' 'models/*/train_log.tsv, last line' 'stated goal: within 10 %' \
    "$(awk -v a="$(last topolm-small 9)" -v b="$(last topolm-small-control 9)" 'BEGIN { printf "%.2f", 100 * (a / b - 1) }')" 0 10

# share of the words of a sampled text that occur in Victorian novels
command='broca behave generate --prompt "It was a fine morning" --temperature .7 --top-p .9 --tokens 100'
words=stimuli/obtained/wordlists/eltec_word_counts_top50k.tsv.gz
for model in topolm-small topolm-small-control; do
    if [ -f $words ] || pipeline/fetch wordlists >/dev/null 2>&1; then
        "$bin/broca-behave" generate --quiet --model models/$model --prompt 'It was a fine morning' --temperature .7 --top-p .9 --tokens 100 >$work/text.txt || exit 1
        bound "$model: words of a sampled text that are English" "$command" 'wordlists: the 50,000 most frequent words of ELTeC-eng' \
            "$(zcat $words | cut -f 1 | cat - $work/text.txt | awk 'NF == 1 && !text { known[tolower($1)] = 1 } NF > 1 { text = 1
                gsub(/[^A-Za-z ]/, " "); for (i = 1; i <= NF; i++) { n++; k += tolower($i) in known } } END { printf "%.3f", n ? k / n : 0 }')" '>' .9
    else
        skip "$model: words of a sampled text that are English" "$command" 'wordlists' 'wordlists cannot be had here'
    fi
done
