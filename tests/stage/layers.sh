#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The layers of the house, from the #include lines: a room includes headers of rooms above it only, and rooms of one line
# never include one another. Seen to fail on copies with a wrong include planted.

. "$(dirname "$0")/scaffold"
export LC_ALL=C

# violations ROOT: a line for each wrong include; the last line is `read N includes of M files`
violations() (
    cd "$1" || exit 1
    find include/broca src stages \( -name '*.[ch]' -o -name '*.inc' \) | sort >"$work/files"
    awk '
        function line(rooms, n,   w, i, k) { k = split(rooms, w, " "); for (i = 1; i <= k; i++) rank[w[i]] = n }
        function wrong(why) { print at ": " target ": " why }
        # a/b/../c -> a/c
        function resolve(path,   part, n, i, out, k) {
            n = split(path, part, "/"); k = 0
            for (i = 1; i <= n; i++) {
                if (part[i] == "." || part[i] == "") continue
                if (part[i] == "..") { if (k) k--; continue }
                out[++k] = part[i]
            }
            path = ""
            for (i = 1; i <= k; i++) path = path (i > 1 ? "/" : "") out[i]
            return path
        }
        BEGIN {
            line("base", 1); line("store", 2); line("num", 3)
            line("stimuli responses model", 4)
            line("extract localize encode ceiling score similarity topography train steer behave simulate", 5)
            line("report", 6); line("stages", 7)
            of["activations"] = "model" # a header on the line of model: reads and writes the kind that line 5 shares
            of["tensors"] = "model" # its safetensors files, which training writes too
            of["corpus"] = of["training"] = "train" # token files and tokenizer training; training runs
            of["volume"] = "store" # images of others
            of["glm"] = "localize" # linear models of runs and of groups
        }
        NR == FNR { exists[$0] = 1; files++; next }
        {
            at = $0; sub(/:[^:]*$/, "", at) # FILE:LINE
            file = at; sub(/:[0-9]+$/, "", file)
            target = $0; sub(/^[^:]*:[0-9]+:[^<"]*/, "", target); sub(/[>"][^>"]*$/, "", target)
            mark = substr(target, 1, 1); target = substr(target, 2)
            split(file, part, "/")
            if (part[1] == "stages") room = "stages"
            else if (part[1] == "src") room = part[2]
            else { room = part[3]; sub(/\.h$/, "", room); if (room in of) room = of[room] }
            if (!(room in rank)) { target = room; wrong("a room that no line of the layers names"); next }
            seen++
            if (target ~ /^broca\//) {
                to = substr(target, 7); sub(/\.h$/, "", to)
                if (to in of) to = of[to]
                if (!(("include/" target) in exists)) wrong("no such public header")
                else if (!(to in rank)) wrong("the header of a room that no line of the layers names")
                else if (to != room && rank[to] == rank[room]) wrong(room " and " to " are on one line")
                else if (rank[to] > rank[room]) wrong(room " is above " to)
                next
            }
            if (mark == "<") next # a library
            dir = file; sub(/\/[^\/]*$/, "", dir)
            path = resolve(dir "/" target)
            home = part[1] == "src" ? "src/" part[2] : part[1]
            if (index(path, home "/") != 1) wrong("a private header of another room")
            else if (!(path in exists)) wrong("no such header")
        }
        END { print "read " seen + 0 " includes of " files + 0 " files" }
    ' "$work/files" - <<EOF
$(xargs grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null <"$work/files" | awk -F: '
    { at = $1 ":" $2; text = $0; sub(/^[^:]*:[0-9]*:/, "", text); sub(/\/[\/*].*$/, "", text); gsub(/:/, "", text); print at ":" text }')
EOF
)

violations "$project" >"$work/found"
if [ "$(grep -cv '^read ' "$work/found")" = 0 ]; then pass no_room_includes_below_or_beside_itself
else
    grep -v '^read ' "$work/found"
    fail no_room_includes_below_or_beside_itself
fi
# not true of nothing: base.h alone is included by every room
if awk '/^read / { exit !($2 >= 100 && $5 >= 50) } END { if (!NR) exit 1 }' "$work/found"; then
    tail -n 1 "$work/found"
    pass every_include_was_read
else fail every_include_was_read; fi

# planted NAME FILE LINE: a copy with LINE added to FILE has exactly one violation more, in that file
planted() {
    rm -rf "$work/copy"
    mkdir -p "$work/copy"
    cp -R "$project/include" "$project/src" "$project/stages" "$work/copy/"
    violations "$work/copy" | grep -v '^read ' >"$work/before"
    mkdir -p "$(dirname "$work/copy/$2")"
    printf '%s\n' "$3" >>"$work/copy/$2"
    violations "$work/copy" | grep -v '^read ' >"$work/after"
    more=$(($(wc -l <"$work/after") - $(wc -l <"$work/before")))
    want=${4:-1}
    if [ $more -eq "$want" ] && { [ "$want" -eq 0 ] || grep -q "^$2:[0-9]*: " "$work/after"; }; then pass "$1"
    else
        echo "planted in $2: $3; $more violations more, $want expected"
        cat "$work/after"
        fail "$1"
    fi
}
planted base_may_not_include_store src/base/err.c '#include "broca/store.h"'
planted store_may_not_include_num src/store/read.c '#  include <broca/num.h>'
planted a_public_header_may_not_include_below include/broca/num.h '#include "broca/responses.h"'
planted stimuli_and_responses_are_on_one_line src/stimuli/stimuli.c '#include "broca/responses.h"'
planted encode_and_ceiling_are_on_one_line src/encode/planted.c '#include "broca/ceiling.h"'
planted an_analysis_may_not_include_report src/localize/map.c '#include "broca/report.h"'
planted the_header_of_activations_is_of_model src/responses/responses.c '#include "broca/activations.h"'
planted a_private_header_stays_in_its_room src/localize/map.c '#include "../store/hdf5_store.h"'
planted a_room_without_a_line_is_named src/magic/wand.c '#include "broca/base.h"'
planted a_header_that_is_not_there src/num/blas.c '#include "broca/nothing.h"'
planted a_stage_may_not_reach_into_a_room stages/stage.c '#include "../src/store/hdf5_store.h"'
planted an_analysis_may_use_activations src/score/planted.c '#include "broca/activations.h" /* broca/report.h */' 0
planted a_stage_may_include_all stages/planted.c '#include "broca/report.h"' 0

finish
