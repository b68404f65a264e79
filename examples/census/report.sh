# Renders languages.tsv and what the parts said (input.json) as Markdown into report.md.
set -eu
LC_ALL=C
export LC_ALL
awk -F '\t' -v listed="$LISTED" -v unread="$UNREAD_DIRECTORIES" -v top=20 '
  function grouped(value,   text, out) {
    text = sprintf("%.0f", value)
    while (length(text) > 3) { out = "," substr(text, length(text) - 2) out; text = substr(text, 1, length(text) - 3) }
    return text out
  }
  function row(name, f, l, w, b) { return sprintf("| %s | %s | %s | %s | %s |", name, grouped(f), grouped(l), grouped(w), grouped(b)) }
  { all_files += $2; all_lines += $3; all_words += $4; all_bytes += $5
    if (NR <= top) rows[NR] = row($1, $2, $3, $4, $5)
    else { rest++; f += $2; l += $3; w += $4; b += $5 } }
  END {
    printf "# Census of %s\n\n", ENVIRON["DIRECTORY"]
    printf "%s files read of %s found, in %d languages.", grouped(all_files), grouped(listed), NR
    if (listed > all_files) printf " %s could not be read.", grouped(listed - all_files)
    if (unread > 0) printf " %s directories could not be read.", grouped(unread)
    print "\n"
    print "| language | files | lines | words | bytes |\n|---|---:|---:|---:|---:|"
    for (i = 1; i <= NR && i <= top; i++) print rows[i]
    if (rest) print row(sprintf("%d more", rest), f, l, w, b)
    print row("**all**", all_files, all_lines, all_words, all_bytes)
  }
' languages.tsv >"$ASTRA_OUTPUT/report.md"
hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }
printf '{"artifact":"%s"}\n' "$(hash <"$ASTRA_OUTPUT/report.md")" >"$ASTRA_RESULT"
