#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The project's own word lists, stimuli/wordlists-broca: what is committed is what match.c makes (where the counts are at
# hand), and it keeps the rules that its README states.
# WORDLISTS=FOLDER checks another folder of the same layout (to see the checks fail on a spoilt copy).

# shellcheck disable=SC2317  # the tests are called by name
. "$(dirname "$0")/scaffold"
export LC_ALL=C
lists=${WORDLISTS:-$project/stimuli/wordlists-broca}
counts=
for folder in "$project/stimuli/obtained/wordlists" "${BROCA_SHARED:-$project/../shared}/data/wordlists"; do
    [ -f "$folder/eltec_word_counts_top50k.tsv.gz" ] && counts=$folder/eltec_word_counts_top50k.tsv.gz && break
done

build() {
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O1 -ffp-contract=off -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror \
        -o "$work/match" "$lists/match.c" -lm
}
regenerated() { zcat "$counts" >"$work/counts.tsv" && "$work/match" "$lists/words.tsv" "$work/counts.tsv" 12 1 >"$work/made.tsv" && cmp "$work/made.tsv" "$lists/stimuli.tsv"; }
frequencies_agree() {
    awk -F '\t' 'NR == FNR { count[$1] = $2; next } FNR > 1 { n[$3]++; sum[$3] += log(1 + count[$2]) / log(2) }
        END { for (a in n) for (b in n) { d = sum[a] / n[a] - sum[b] / n[b]; if (d > .3) { print a, b, d; wrong = 1 } }
              exit wrong || length(n) != 4 }' "$work/counts.tsv" "$lists/stimuli.tsv"
}
cells() {
    awk -F '\t' 'NR == 1 { exit $0 == "id\ttext\tcondition\tclass\tconcreteness\tcategory" ? 0 : 1 }' "$lists/stimuli.tsv" || return 1
    awk -F '\t' 'NR > 1 { n[$3]++; category[$6]++; of[$6, $3]; if ($3 != toupper(substr($4, 1, 1) substr($5, 1, 1))) { print $0; wrong = 1 } }
        END { for (c in n) if (n[c] < 40) wrong = 1; for (c in category) if (category[c] != 12) wrong = 1
              exit wrong || length(n) != 4 || length(category) != 16 || length(of) != 16 }' "$lists/stimuli.tsv"
}
lengths_are_equal() {
    awk -F '\t' 'NR > 1 { n[$3, length($2)]++; cell[$3]; long[length($2)] }
        END { for (l in long) for (c in cell) if (n[c, l] != n["NC", l]) { print c, l, n[c, l]; wrong = 1 } exit wrong }' "$lists/stimuli.tsv"
}
unique() {
    awk -F '\t' 'NR > 1 { if ($1 in id || $2 in text || $2 !~ /^[a-z]+$/) { print $0; wrong = 1 } id[$1]; text[$2] } END { exit wrong }' "$lists/stimuli.tsv"
}
chosen_from_candidates() {
    awk -F '\t' 'NR == FNR { row[$1] = $2 FS $3 FS $4; next } FNR > 1 && row[$2] != $4 FS $5 FS $6 { print; wrong = 1 } END { exit wrong }' \
        "$lists/words.tsv" "$lists/stimuli.tsv"
}
length_alone_matches_without_counts() {
    "$work/match" "$lists/words.tsv" - 12 1 >"$work/alone.tsv" 2>"$work/error" && [ "$(wc -l <"$work/alone.tsv")" -eq 193 ] &&
        ! cmp -s "$work/alone.tsv" "$lists/stimuli.tsv"
}
refuses() { # refuses SED-SCRIPT PATTERN
    sed "$1" "$lists/words.tsv" >"$work/spoilt.tsv"
    "$work/match" "$work/spoilt.tsv" - >"$work/made" 2>"$work/error"
    [ $? -eq 2 ] && grep -q "$2" "$work/error" && [ ! -s "$work/made" ]
}

check_that match_compiles_without_warnings build
check_that four_cells_of_48_words_in_categories_of_12 cells
check_that every_cell_has_the_same_lengths lengths_are_equal
check_that words_are_unique unique
check_that words_are_candidates_with_their_category chosen_from_candidates
check_that length_alone_matches_without_counts length_alone_matches_without_counts
check_that a_word_that_stands_twice_is_refused refuses '3p' 'stands twice'
check_that a_category_of_too_few_words_is_refused refuses '/^s.*animal/d; /^[a-l].*animal/d; /^m.*animal/d' 'too few words'
check_that a_class_that_is_none_is_refused refuses '5s/noun/nuon/' 'neither noun nor verb'
if [ -n "$counts" ]; then
    check_that committed_lists_are_what_match_makes regenerated
    check_that mean_log_frequencies_agree_within_a_third_of_a_bit frequencies_agree
else
    skip committed_lists_are_what_match_makes 'the word counts are not here (pipeline/fetch wordlists)'
    skip mean_log_frequencies_agree_within_a_third_of_a_bit 'the word counts are not here (pipeline/fetch wordlists)'
fi
finish
