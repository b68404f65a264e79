# Adds up the eight counts into languages.tsv, largest first.
set -eu
LC_ALL=C
export LC_ALL
cat counts-* | awk -F '\t' '
  { files[$1] += $2; lines[$1] += $3; words[$1] += $4; bytes[$1] += $5 }
  END { for (of in files) printf "%s\t%.0f\t%.0f\t%.0f\t%.0f\n", of, files[of], lines[of], words[of], bytes[of] }
' | sort -t "$(printf '\t')" -k 3,3nr -k 1,1 >"$ASTRA_OUTPUT/languages.tsv"
hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }
awk -F '\t' -v table="$(hash <"$ASTRA_OUTPUT/languages.tsv")" '
  { files += $2; lines += $3; words += $4; bytes += $5 }
  END { printf "{\"table\":\"%s\",\"languages\":%d,\"files\":%.0f,\"lines\":%.0f,\"words\":%.0f,\"bytes\":%.0f}\n", \
    table, NR, files, lines, words, bytes }
' "$ASTRA_OUTPUT/languages.tsv" >"$ASTRA_RESULT"
cat "$ASTRA_RESULT"
