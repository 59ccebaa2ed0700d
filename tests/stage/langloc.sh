#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The project's own stimuli, stimuli/langloc-broca and stimuli/simulated-story: what is committed is what the programs
# beside it make, and it keeps the rules that its README states. No file of others is read.
# LANGLOC_STIMULI=FOLDER checks another folder of the same layout (to see the checks fail on a spoilt copy).

. "$(dirname "$0")/scaffold"
export LC_ALL=C
stimuli=${LANGLOC_STIMULI:-$project/stimuli}
langloc=$stimuli/langloc-broca story=$stimuli/simulated-story

# rows CONDITION AWK-PROGRAM: sentences.tsv first, then stimuli.tsv, with these at hand:
#   text[k] tags[k] of sentence k; words[w]: w is a word of a sentence; bad(why) for the item at hand; the program sees
#   the rows of one condition, word[1..n] split from $2. It fails when nothing was seen or anything was bad.
rows() {
    awk -F '\t' -v wanted="$1" '
        function bad(why) { print $1 ": " why; wrong = 1 }
        FNR == 1 { file++; next }
        file == 1 { text[$1] = $2; tags[$1] = $3; sentences++; n = split($2, word, " ")
                    for (i = 1; i <= n; i++) { words[word[i]]; total[word[i]]++ }
                    next }
        index(wanted, $3) == 0 { next }
        { seen++; n = split($2, word, " ") }
        '"$2"'
        END { exit wrong || !seen }' "$langloc/sentences.tsv" "$langloc/stimuli.tsv"
}

build() { # build SOURCE PROGRAM
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O1 -ffp-contract=off -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror \
        -o "$work/$2" "$1" -lm
}

regenerated() {
    "$work/generate" "$langloc/sentences.tsv" "$langloc/common.txt" 1 >"$work/stimuli.tsv" &&
        cmp "$work/stimuli.tsv" "$langloc/stimuli.tsv"
}

another_seed() {
    "$work/generate" "$langloc/sentences.tsv" "$langloc/common.txt" 2 >"$work/other.tsv" || return 1
    ! cmp -s "$work/other.tsv" "$langloc/stimuli.tsv" &&
        [ "$(cut -f1,3- "$work/other.tsv" | cksum)" = "$(cut -f1,3- "$langloc/stimuli.tsv" | cksum)" ]
}

# A spoilt input is refused with exit 2, its line, and no partial table that could be taken for a whole one.
refuses() { # refuses SED-SCRIPT PATTERN
    sed "$1" "$langloc/sentences.tsv" >"$work/spoilt.tsv"
    "$work/generate" "$work/spoilt.tsv" "$langloc/common.txt" >"$work/made" 2>"$work/error"
    [ $? -eq 2 ] && grep -q "$2" "$work/error" && [ ! -s "$work/made" ]
}

header() { [ "$(head -n 1 "$langloc/stimuli.tsv")" = "$(printf 'id\ttext\tcondition\tgroup\titem')" ]; }

counts() {
    cut -f3 "$langloc/stimuli.tsv" | tail -n +2 | uniq -c >"$work/counts"
    awk '{ order = order $2; n[NR] = $1 } END { print order, n[1], n[2], n[3], n[4]
           exit !(order == "SWJN" && n[1] >= 96 && n[2] == n[1] && n[3] == n[1] && n[4] == n[1]) }' "$work/counts"
}

unique_columns() {
    for column in 1 2; do
        tail -n +2 "$langloc/stimuli.tsv" | cut -f$column | sort | uniq -d >"$work/twice"
        if [ -s "$work/twice" ]; then cat "$work/twice" && return 1; fi
    done
}

# ---- simulated-story ----

retimed() { "$work/time" "$story/story.txt" 1 >"$work/words.tsv" && cmp "$work/words.tsv" "$story/words.tsv"; }

# The fourth column is the story, word by word; the first its letters in lower case.
same_story() {
    tail -n +2 "$story/words.tsv" | cut -f4 >"$work/printed"
    tr -s ' \n' '\n\n' <"$story/story.txt" | cmp - "$work/printed" || return 1
    tr 'A-Z' 'a-z' <"$work/printed" | tr -cd 'a-z\n' >"$work/letters"
    tail -n +2 "$story/words.tsv" | cut -f1 | cmp - "$work/letters"
}

word_times() {
    awk -F '\t' 'NR == 1 { if ($0 != "word\tonset\toffset\ttext") wrong = 1; next }
        NF != 4 || $1 !~ /^[a-z]+$/ || $3 <= $2 || (NR > 2 && $2 <= onset) || $2 < offset { print NR ": " $0; wrong = 1 }
        { onset = $2; offset = $3 }
        END { exit wrong || NR < 902 || NR > 1101 || offset < 360 || offset > 420 }' "$story/words.tsv"
}

# What the story is for: words in windows of 10 s differ by more than jitter alone would make them differ.
word_rate_drifts() {
    awk -F '\t' 'NR > 1 { window[int($2 / 10)]++; last = int($3 / 10) }
        END { for (w = 1; w < last; w++) { sum += window[w]; square += window[w] ^ 2 }
              mean = sum / (last - 1); sd = sqrt(square / (last - 1) - mean ^ 2)
              printf "words per 10 s: mean %.1f, s.d. %.1f\n", mean, sd; exit !(sd / mean > .1) }' "$story/words.tsv"
}

check_that generate_compiles_without_warnings build "$langloc/generate.c" generate
check_that committed_stimuli_are_what_generate_makes regenerated
check_that another_seed_changes_texts_only another_seed
check_that eleven_words_are_refused_by_line refuses '5s/ paths//' 'spoilt.tsv:5: 11 words, expected 12'
check_that capital_letters_are_refused refuses '3s/ferry/Ferry/' "spoilt.tsv:3: 'Ferry'"
check_that a_suffix_that_the_word_lacks_is_refused refuses '2s/C+ed/C+es/' "spoilt.tsv:2: 'counted'"
check_that header_names_the_columns header
check_that conditions_are_sorted_and_equally_many counts
check_that ids_and_texts_are_unique unique_columns
check_that every_item_has_twelve_lower_case_words rows SWJN '
    NF != 5 || $2 !~ /^[a-z]+( [a-z]+)*$/ || n != 12 { bad("not 12 words of letters a-z in five columns") }
    { if (++item[$3] != $5 || $1 != sprintf("%s%03d", tolower($3), $5)) bad("id and item are not in order") }'
check_that s_items_are_the_sentences rows S '
    $2 != text[$5] || $4 != $5 { bad("differs from sentences.tsv") }'
check_that w_uses_every_word_of_s_exactly_once rows W '
    $4 != 0 { bad("group is not 0") }
    { for (i = 1; i <= n; i++) total[word[i]]-- }
    END { for (w in total) if (total[w] != 0) bad(w " is used " total[w] " times too few") }'
# A bound that does not need to know who dealt which word: an item cannot hold three words of one sentence in their order
# unless they occur in it in that order. Words of every sentence ("the") could come from elsewhere, so only words that
# one sentence alone has are traced.
check_that w_keeps_at_most_two_words_of_a_sentence rows W '
    seen == 1 { for (k in text) { m = split(text[k], part, " ")
                    for (i = 1; i <= m; i++) if (total[part[i]] == 1) owner[part[i]] = k } }
    { split("", held); for (i = 1; i <= n; i++) if (word[i] in owner && ++held[owner[word[i]]] > 2)
          bad("three words of sentence " owner[word[i]]); traced += (word[1] in owner) }
    END { if (!traced) bad("nothing was traced") }'
check_that w_has_no_two_neighbours_of_a_sentence rows W '
    seen == 1 { for (k in text) { m = split(text[k], part, " ")
                    for (i = 1; i < m; i++) pair[part[i] " " part[i + 1]] } }
    { for (i = 1; i < n; i++) if (word[i] == word[i + 1] || (word[i] " " word[i + 1]) in pair)
          bad(word[i] " " word[i + 1]) }'
check_that j_keeps_function_words_and_inflections rows J '
    $4 != $5 { bad("group is not its sentence") }
    { split(text[$4], from, " "); split(tags[$4], tag, " ")
      for (i = 1; i <= n; i++) {
          suffix = substr(tag[i], 3)
          if (tag[i] == "F") { kept++; if (word[i] != from[i]) bad(from[i] " was replaced by " word[i]) }
          else if (word[i] in words) bad(word[i] " is a word of S")
          else if (substr(word[i], length(word[i]) - length(suffix) + 1) != suffix) bad(word[i] " lost -" suffix)
          else if (length(word[i]) != length(from[i])) bad(word[i] " is not as long as " from[i]) } }
    END { if (!kept) bad("no function word") }'
check_that j_has_one_nonword_for_a_stem_in_an_item rows J '
    { split(text[$4], from, " "); split(tags[$4], tag, " "); split("", stem)
      for (i = 1; i <= n; i++) if (tag[i] != "F") {
          cut = length(tag[i]) > 2 ? length(tag[i]) - 2 : 0
          s = substr(from[i], 1, length(from[i]) - cut); j = substr(word[i], 1, length(word[i]) - cut)
          if (s in stem) { again++; if (stem[s] != j) bad(s " became " stem[s] " and " j) }
          stem[s] = j } }
    END { if (!again) bad("no stem occurs twice: the check is empty") }'
check_that j_agrees_with_a_and_an rows J '
    { for (i = 1; i < n; i++) if ((word[i] == "a" && word[i + 1] ~ /^[aeiou]/) ||
          (word[i] == "an" && word[i + 1] ~ /^[^aeiou]/)) bad(word[i] " " word[i + 1]) }'
check_that n_has_nonwords_only rows N '
    { split("", held); for (i = 1; i <= n; i++) {
          if (word[i] in words) bad(word[i] " is a word of S")
          if (word[i] in held) bad(word[i] " stands twice")
          if (word[i] !~ /[aeiouy]/) bad(word[i] " has no vowel")
          if (length(word[i]) > 3 && word[i] in before) bad(word[i] " was used before")
          held[word[i]]; before[word[i]] } }'
check_that n_is_matched_in_letters rows N '
    $4 != $5 { bad("group is not its sentence") }
    { split(text[$4], from, " ")
      if (length($2) != length(text[$4])) bad("not as many letters as its sentence")
      for (i = 1; i <= n; i++) { d = length(word[i]) - length(from[i])
          if (d > 1 || d < -2 || (d > 0 && length(from[i]) > 1)) bad(word[i] " for " from[i]) } }'
check_that nonwords_are_no_common_words awk -F '\t' '
    FNR == 1 { file++ }
    file == 1 { if ($0 !~ /^#/) { n = split($0, w, " ")
                    for (i = 1; i <= n; i++) if (w[i] ~ /^~/) part[substr(w[i], 2)]; else { common[w[i]]; have++ } }
                next }
    file == 2 { tags[$1] = $3; next }
    $3 == "J" || $3 == "N" { n = split($2, w, " "); split(tags[$5], tag, " ")
        for (i = 1; i <= n; i++) if ($3 == "N" || tag[i] != "F") {
            if (w[i] in common) { print $1 ": " w[i]; wrong = 1 }
            for (p in part) if (index(w[i], p)) { print $1 ": " w[i]; wrong = 1 } } }
    END { exit wrong || have < 1000 }' "$langloc/common.txt" "$langloc/sentences.tsv" "$langloc/stimuli.tsv"

check_that time_compiles_without_warnings build "$story/time.c" time
check_that committed_word_times_are_what_time_makes retimed
check_that words_are_the_story same_story
check_that onsets_increase_and_words_do_not_overlap word_times
check_that word_rate_drifts word_rate_drifts

finish
