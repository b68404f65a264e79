# Draws the lines by language of languages.tsv as bars, into chart.svg.
set -eu
LC_ALL=C
export LC_ALL
awk -F '\t' '
  function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); return text }
  NR <= 12 { name[NR] = $1; lines[NR] = $3; if ($3 > most) most = $3; shown = NR }
  END {
    height = 60 + (shown ? shown : 1) * 26
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"%d\" viewBox=\"0 0 720 %d\" font-family=\"sans-serif\" font-size=\"13\">\n", height, height
    print "<rect width=\"720\" height=\"100%\" fill=\"#ffffff\"/>"
    print "<text x=\"16\" y=\"30\" font-size=\"16\" font-weight=\"bold\" fill=\"#1b1f24\">Lines by language</text>"
    if (!shown) print "<text x=\"16\" y=\"62\" fill=\"#57606a\">no files</text>"
    for (i = 1; i <= shown; i++) {
      y = 48 + (i - 1) * 26
      width = most > 0 ? lines[i] / most * 440 : 0
      printf "<text x=\"150\" y=\"%d\" text-anchor=\"end\" fill=\"#1b1f24\">%s</text>\n", y + 14, escaped(name[i])
      printf "<rect x=\"160\" y=\"%d\" width=\"%.1f\" height=\"18\" rx=\"2\" fill=\"#3b6fd4\"/>\n", y, width
      printf "<text x=\"%.1f\" y=\"%d\" fill=\"#57606a\">%.0f</text>\n", 168 + width, y + 14, lines[i]
    }
    print "</svg>"
  }
' languages.tsv >"$ASTRA_OUTPUT/chart.svg"
hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }
printf '{"artifact":"%s"}\n' "$(hash <"$ASTRA_OUTPUT/chart.svg")" >"$ASTRA_RESULT"
