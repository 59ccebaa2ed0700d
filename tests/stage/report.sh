#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The report from outside: one file that stands alone, the finding first, every figure with its unit, what was left out with its
# reason, and the commands that repeat it.

. "$(dirname "$0")/scaffold"
export LC_ALL=C

broca() { # export knows no threads
    s=$1
    shift
    [ "$s" = export ] || set -- --threads 1 "$@"
    "$bin/broca-$s" --quiet "$@"
}
holds() { grep -qF -- "$2" "$1" || { echo "no '$2' in $1"; return 1; }; }
count() { grep -oF -- "$2" "$1" | wc -l; }

# ---- time series: four simulated listeners, one of whose regions never changes ----
small=layers=2,width=16,heads=2,context=128,tokenizer=bytes
awk 'NR <= 201' "$project/stimuli/simulated-story/words.tsv" >words.tsv
study() {
    broca import --from words words.tsv --out story.h5 &&
        broca extract --arch gpt2,$small --seed 7 --stimuli story.h5 --context window:96 --pool word --out trained.h5 &&
        broca extract --arch gpt2,$small --seed 1:2 --stimuli story.h5 --context window:96 --pool word --out 'untrained.s{seed}.h5' &&
        broca simulate --stimuli story.h5 --features trained.h5:h.1 --subjects 4 --neuroids 2 --tr 2 --signal .4 --out simulated.h5 &&
        broca export simulated.h5 --dataset data --to tsv --out data.tsv || return 1
    # the same responses as a table of a user's: s001's first region is constant
    awk -F '\t' -v OFS='\t' 'NR == 1 { $1 = "id\tonset" } NR > 1 { $1 = "v" NR - 2 "\t" 2 * (NR - 2); $2 = 1 } { print }' data.tsv >table.tsv
    broca import --from table --as responses --tr 2 table.tsv --out responses.h5 || return 1
    for target in group single; do
        broca encode --responses responses.h5 --features trained=trained.h5 --features untrained.s1=untrained.s1.h5 \
            --features untrained.s2=untrained.s2.h5 --features rate=story.h5:word_rate --baseline rate --target $target \
            --folds contiguous:4,gap=4 --delays 2s,4s --drop-start 2 --candidates 3 --alphas -1:4:6 --out encoding.$target.h5 &&
            broca ceiling --responses responses.h5 --target $target --folds contiguous:4,gap=4 --drop-start 2 --draws 50 --out ceiling.$target.h5 || return 1
    done
    broca score --encoding encoding.group.h5 --encoding encoding.single.h5 --ceiling ceiling.group.h5 --ceiling ceiling.single.h5 --out scores.h5 &&
        broca report --scores scores.h5 --encoding encoding.group.h5 --encoding encoding.single.h5 --ceiling ceiling.group.h5 \
            --ceiling ceiling.single.h5 --title 'A <small> study & more' --out page.html
}
it_stands_alone() {
    ! grep -niE '<script|<link|<img|<iframe|@import|url\(|src=|href=' page.html || return 1
    holds page.html 'prefers-color-scheme:dark' && holds page.html '@media print' && holds page.html 'name="viewport"' &&
        holds page.html 'A &lt;small&gt; study &amp; more' && [ "$(wc -c <page.html)" -lt 1000000 ]
}
# what opens closes
its_tags_are_balanced() {
    for tag in svg figure details table tr td p ul li text title path rect circle div main pre; do
        a=$(grep -oE "<$tag[ >]" page.html | wc -l) b=$(count page.html "</$tag>")
        [ "$a" -gt 0 ] && [ "$a" -eq "$b" ] || { echo "<$tag>: $a open, $b close"; return 1; }
    done
}
the_finding_comes_first_and_claims_no_more_than_it_has() {
    first=$(sed -n 's/.*<p class="finding">\([^<]*\)<.*/\1/p' page.html | head -1)
    echo "$first"
    case $first in The\ trained\ model*ΔR²*'No interval and no null were asked for'*) ;; *) return 1 ;; esac
    holds page.html 'No interval was asked for: <code>broca encode --jackknife</code>' && holds page.html 'No null was asked for: <code>broca encode --null</code>'
}
every_figure_is_there_with_its_unit() {
    for caption in 'What the model adds to the baseline.' 'Scores and their ceiling.' 'Every subject.' 'Layers, beyond the baseline.' \
        'Layers, each alone.' 'Folds.' 'Penalties that were chosen.'; do
        holds page.html "<b>$caption</b>" || return 1
    done
    for unit in 'ΔR² (share of variance)' 'r (correlation, mean over test folds)' 'presentation (number, in the order of the responses)' \
        'log₁₀ α (penalty, in units of the sum of squares)' '% of choices' '>layer<'; do
        holds page.html "$unit" || return 1
    done
    # a label for each axis that has ticks
    [ "$(count page.html 'class="label"')" -ge "$(count page.html '<svg ')" ] && [ "$(count page.html '<title>')" -gt 100 ]
}
what_was_left_out_has_its_reason() {
    holds page.html 'the first 2 presentations of every run are dropped' &&
        grep -qE '<tr><td>[^<]*</td><td>[^<]*constant' page.html || { grep -A4 'excluded' page.html | cut -c1-300; return 1; }
}
mode_methods_and_references_are_said() {
    holds page.html 'Mode: strict.' && holds page.html '<h2>Methods</h2>' && holds page.html 'contiguous:4,gap=4' && holds page.html '@article{dupre2022' &&
        holds page.html 'agreement between subjects'
}
the_commands_and_hashes_lead_from_the_data_to_the_page() {
    for s in import extract encode ceiling score; do holds page.html "broca $s --" || return 1; done
    ! grep -q -- '--threads' page.html || { echo 'options that change no byte are shown'; return 1; }
    for f in story.h5 trained.h5 responses.h5 encoding.group.h5 scores.h5 table.tsv words.tsv; do
        holds page.html "$(sha256sum $f | cut -c1-64)" || { echo "hash of $f"; return 1; }
    done
    holds page.html ', core '
}
# the commands that the page shows, run elsewhere, make the same files
the_commands_repeat_it() {
    sed -n '/<pre>broca import/,/<\/pre>/p' page.html | sed 's/<pre>//; s/<\/pre>//; /^$/d; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g' >commands
    [ "$(wc -l <commands)" -ge 10 ] || { cat commands; return 1; }
    mkdir again && cp words.tsv table.tsv again && cd again || return 1
    sed "s|^broca \([a-z]*\)|$bin/broca-\1 --quiet|" ../commands >run.sh
    sh run.sh || return 1
    for f in *.h5; do cmp "$f" "../$f" || return 1; done
    cd ..
}
a_region_that_is_not_there_is_refused() {
    broca report --scores scores.h5 --roi nowhere --out no.html 2>err
    [ $? -eq 2 ] && [ ! -e no.html ] && holds err "no region 'nowhere'"
}
another_region_can_come_first() {
    broca export scores.h5 --dataset row/roi --to tsv --out roi.tsv && roi=$(sed -n 2p roi.tsv) && [ -n "$roi" ] || return 1
    broca report --scores scores.h5 --roi "$roi" --out roi.html || return 1
    sed -n 's/.*<p class="finding">\([^<]*\)<.*/\1/p' roi.html | grep -qF "region $roi"
}

# "control" is the first by name, yet what the others are compared with: the page is about the other
a_pair_is_told_as_a_difference() {
    broca encode --responses responses.h5 --features trained=trained.h5 --features control=untrained.s1.h5 --features rate=story.h5:word_rate \
        --baseline rate --target group --folds contiguous:4,gap=4 --delays 2s,4s --drop-start 2 --jackknife 10s --candidates 3 --alphas -1:4:6 --out pair.h5 &&
        broca score --encoding pair.h5 --against control --out pair.scores.h5 &&
        broca report --scores pair.scores.h5 --encoding pair.h5 --out pair.html || return 1
    first=$(sed -n 's/.*<p class="finding">\([^<]*\)<.*/\1/p' pair.html | head -1)
    echo "$first"
    case $first in The\ trained\ model*'Against control its ΔR² differs by '*) ;; *) return 1 ;; esac
    holds pair.html 'class="dot s5"' && holds pair.html 'line s5'
}
# sets NAME.s1, NAME.s2 that others are compared with need not be untrained networks
random_sets_are_not_called_untrained() {
    broca encode --responses responses.h5 --features selected=trained.h5 --features random.s1=untrained.s1.h5 --features random.s2=untrained.s2.h5 \
        --features rate=story.h5:word_rate --baseline rate --target group --folds contiguous:4,gap=4 --delays 2s,4s --drop-start 2 --jackknife 10s \
        --candidates 3 --alphas -1:4:6 --out sets.h5 && broca score --encoding sets.h5 --against random --out sets.scores.h5 &&
        broca report --scores sets.scores.h5 --encoding sets.h5 --out sets.html || return 1
    first=$(sed -n 's/.*<p class="finding">\([^<]*\)<.*/\1/p' sets.html | head -1)
    echo "$first"
    case $first in The\ model\ selected*'Against random its ΔR² differs by '*'Mean of 2 random sets: '*) ;; *) return 1 ;; esac
    holds sets.html '<b>The difference to random.</b>' && holds sets.html 'ΔR² of selected - ΔR² of random (share of variance)' || return 1
    ! grep -q 'network untrained' sets.html && ! grep -q 'Untrained networks have' sets.html
}

# ---- items: a table of one mean over people, published noise, a baseline of lengths, a replicate mode beside ----
items() {
    awk -F '\t' -v OFS=, 'NR == 1 { print "item_id,sentence,A,B"; next }
        NR <= 121 { h = (NR * 7919) % 101 / 101; print $1, $2, length($2) / 50 + h, h - length($2) / 40 }' "$project/stimuli/langloc-broca/stimuli.tsv" | gzip >items.csv.gz
    printf 'roi,sd_noise\nA,.3\nB,.2\n' >noise.csv
    broca import --from table --group similar items.csv.gz --column id=item_id --column text=sentence --out items.h5 2>>log || return 1
    # (the numbers would be kept as columns of the items, too)
    broca import --from table --as responses items.csv.gz --column id=item_id --column text=sentence --subject 'mean of 9' --out ir.h5 &&
        broca extract --arch gpt2,$small --seed 7 --stimuli items.h5 --pool last --out trained.i.h5 &&
        broca encode --responses ir.h5 --stimuli items.h5 --features trained=trained.i.h5 --features length=items.h5:item_characters,item_words \
            --baseline length --folds group:4 --candidates 3 --alphas -1:4:6 --out ie.h5 &&
        broca encode --mode replicate:tuckute2024 --responses ir.h5 --features trained=trained.i.h5 --out irep.h5 &&
        broca ceiling --responses ir.h5 --method snr --noise noise.csv --average 9 --folds none --out ic.h5 &&
        broca score --encoding ie.h5 --ceiling ic.h5 --out is.h5 &&
        broca report --scores is.h5 --encoding ie.h5 --ceiling ic.h5 --replicate irep.h5 --roi A --out items.html
}
items_have_no_volumes_and_the_only_subject_has_its_name() {
    first=$(sed -n 's/.*<p class="finding">\([^<]*\)<.*/\1/p' items.html | head -1)
    echo "$first"
    case $first in *'“mean of 9”, region A'*) ;; *) return 1 ;; esac
    ! grep -q 'Every subject' items.html && holds items.html 'A row is an item.' && holds items.html 'signal and noise variance'
}
a_replicate_mode_stands_beside_with_what_differs() {
    holds items.html 'Mode replicate:tuckute2024' && holds items.html 'nothing is standardised' && holds items.html 'kfold:5,seed=0'
}

# ---- what make calibrate found, and the curve of a planned study ----
calibration_is_drawn_from_its_tables() {
    {
        printf 'check\tvalue\tlo\thi\tn\tstatus\n'
        printf 'alice_surrogates.false_positives.group_r\t25\t13\t38\t500\tpass\n'
        printf 'alice_surrogates.shortcut_rotation_without_refit.group_r\t85\t39\t500\t500\tpass\n'
        printf 'coverage.single.shared_signal.r\t0.99\t0.93\t0.97\t1000\tfail\n'
    } >calibrate.tsv
    awk 'BEGIN { print "data\ttest\tnumber\tp\tsteps\tscore\tnull_mean"; for (i = 0; i < 42; i++) printf "alice_surrogates\tgroup_r\t%d\t%.6g\t21\t0\t0\n", i, (i % 21 + 1) / 21 }' >calibrate.p.tsv
    broca report --scores scores.h5 --calibration calibrate.tsv --out calibrated.html || return 1
    holds calibrated.html '2 of 3 checks passed' && holds calibrated.html 'group, r: 25 of 500; sound: 13 to 38' &&
        holds calibrated.html 'group, r, no refit: 85 of 500; sound: 13 to 38' && holds calibrated.html 'false positives (number of data sets)' &&
        holds calibrated.html 'p (probability)' && holds calibrated.html 'coverage (share of studies)' || return 1
    # every step of p has its two data sets
    [ "$(count calibrated.html ': 2 of 42 data sets')" = 21 ] || { grep -o '[0-9]* of 42 data sets' calibrated.html | sort | uniq -c; return 1; }
    # without p there are no histograms, and the page is made
    rm calibrate.p.tsv
    broca report --scores scores.h5 --calibration calibrate.tsv --out calibrated.html && ! grep -q 'p (probability)' calibrated.html || return 1
    printf 'check\tvalue\n' >calibrate.tsv
    broca report --scores scores.h5 --calibration calibrate.tsv --out no.html 2>err
    [ $? -eq 2 ] && [ ! -e no.html ] && holds err "calibrate.tsv"
}
power_has_a_table_and_a_curve() {
    broca simulate --power 8,4 --items 60 --per-group 5 --width 4 --ceiling .6 --delta-r2 .3 --studies 12 --out power.tsv --curve power.svg || return 1
    [ "$(wc -l <power.tsv)" = 3 ] && holds power.svg 'xmlns="http://www.w3.org/2000/svg"' && holds power.svg 'power (share of studies)' &&
        holds power.svg 'subjects (number)' && holds power.svg 'prefers-color-scheme:dark' || return 1
    for s in 4 8; do # the points say what the table says
        power=$(awk -F '\t' -v s=$s '$1 == s { printf "%.2f", $2 }' power.tsv)
        holds power.svg "<title>$s subjects: power $power (" || return 1
    done
    ! grep -qE '<script|href=|url\(|&[^a#]' power.svg
}

for t in study it_stands_alone its_tags_are_balanced the_finding_comes_first_and_claims_no_more_than_it_has every_figure_is_there_with_its_unit \
    what_was_left_out_has_its_reason mode_methods_and_references_are_said the_commands_and_hashes_lead_from_the_data_to_the_page \
    the_commands_repeat_it a_region_that_is_not_there_is_refused another_region_can_come_first a_pair_is_told_as_a_difference random_sets_are_not_called_untrained items \
    items_have_no_volumes_and_the_only_subject_has_its_name a_replicate_mode_stands_beside_with_what_differs \
    calibration_is_drawn_from_its_tables power_has_a_table_and_a_curve; do
    check $t
done
finish
