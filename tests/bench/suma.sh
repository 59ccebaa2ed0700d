# SPDX-License-Identifier: MIT
# SUMA at the size of its paper (sourced by tests/bench/run): d 4096, 512 heads of 8, 2 cycles, one pass over the 480 strings of
# the project's localizer, last token, two taps. Its peer is the bound of its products: 4·d² multiply-adds a token and cycle at
# the best speed of a matrix product on this machine. Weights are drawn anew (198 million normals), which is part of the time.

suma_rows() { echo SUMA; }
suma_peak() { $BUILD/bench/ridge peak "$work" "$threads"; }
suma_tokens() {
    "$BUILD/bin/broca-tokenize" --quiet --model models/tinystories-656k --stimuli "$work/langloc.h5" --out "$work/tokens.h5" &&
        "$BUILD/bin/broca-export" --quiet "$work/tokens.h5" --dataset ids --to tsv --out "$work/ids.tsv" && sed 1d "$work/ids.tsv" | wc -l
}
side() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/suma.h5.json"; }
suma_ours() {
    "$BUILD/bin/broca-extract" --quiet --force --threads "$threads" --arch suma,d=4096,heads=512,cycles=2,vocab=32000,tokenizer=models/tinystories-656k \
        --seed 1 --stimuli "$work/langloc.h5" --special no --layers h.0.ln_1,h.0.attn --out "$work/suma.h5" || return 1
    printf 'seconds\t%s\tcpu\t%s\tmb\t%s\tcore\t%s\n' "$(side wall_s)" "$(side cpu_s)" "$(side peak_bytes | awk '{ printf "%.0f", $1 / 1e6 }')" \
        "$(sed -n 's/.*core \([A-Za-z0-9]*\).*/\1/p' "$work/suma.h5.json")"
}
suma_peer() { printf 'seconds\t%s\tcpu\t%s\tmb\t0\tversion\tGFLOP / peak\n' "$(echo "$suma_gflop $peak" | awk '{ printf "%.2f", $1 / $2 }')" 0; }
suma_agreement() { echo "$suma_count tokens"; }
suma_row() {
    if [ ! -f models/tinystories-656k/tokenizer.json ] && ! pipeline/fetch tinystories-656k >/dev/null 2>&1; then
        skip "$1" 'the bound of its products' 'the tokenizer of tinystories-656k cannot be had here'
        return
    fi
    "$BUILD/bin/broca-import" --quiet --force --from table stimuli/langloc-broca/stimuli.tsv --out "$work/langloc.h5" || exit 1
    suma_count=$(suma_tokens) || exit 1
    suma_gflop=$(echo "$suma_count" | awk '{ printf "%.0f", $1 * 2 * 4 * 4096 * 4096 * 2 / 1e9 }')
    beside "$1" bound "${BENCH_PAIRS:-3}" 0.5 "$suma_gflop" 'd 4096, 512 heads, 2 cycles, 480 strings'
}
