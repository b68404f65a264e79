# Counts lines, words and bytes of the files named in `part`, by language. Writes counts.tsv:
# language, files, lines, words, bytes.
set -eu
LC_ALL=C
export LC_ALL
: >counted
# wc names its files; a name with a newline would look like two, so such files are read from standard input instead.
plain() { grep -v "$(printf '\001')" part | tr '\n' '\0'; }
odd() { grep "$(printf '\001')" part | tr '\n\001' '\0\n'; }
[ -z "$(grep -v "$(printf '\001')" part | head -n 1)" ] || plain | xargs -0 wc -- >>counted 2>/dev/null || true
[ -z "$(grep "$(printf '\001')" part | head -n 1)" ] || odd | xargs -0 sh -c '
  for file do
    [ -r "$file" ] || continue
    printf "%s /%s\n" "$(wc <"$file")" "$(printf %s "${file##*/}" | tr "\n" "_")"
  done' sh >>counted 2>/dev/null || true
awk '
  function language(name,   base, extension) {
    base = name
    sub(/^.*\//, "", base)
    if (tolower(base) ~ /^makefile$/) return "Make"
    if (tolower(base) ~ /^dockerfile$/) return "Docker"
    if (base !~ /.\.[A-Za-z0-9_+-]+$/) return "(none)"
    extension = tolower(base)
    sub(/^.*\./, "", extension)
    if (extension in known) return known[extension]
    return extension ~ /^[a-z][a-z0-9_+-]*$/ && length(extension) <= 8 ? "." extension : "(other)"
  }
  BEGIN {
    split("c C h C cc C++ cpp C++ hpp C++ cs C# css CSS csv CSV go Go htm HTML html HTML java Java js JavaScript mjs JavaScript " \
      "cjs JavaScript json JSON lua Lua md Markdown php PHP pl Perl pm Perl py Python rb Ruby rs Rust rst reStructuredText " \
      "sh Shell bash Shell sql SQL svg SVG swift Swift toml TOML ts TypeScript mts TypeScript tsx TypeScript txt Text " \
      "xml XML yaml YAML yml YAML gz (compressed) xz (compressed) zip (compressed) png (image) jpg (image) gif (image)", words, " ")
    for (i = 1; i in words; i += 2) known[words[i]] = words[i + 1]
  }
  # A total has no path before it: names begin with a slash.
  NF >= 4 && $4 ~ /^\// {
    name = $0
    sub(/^ *[0-9]+ +[0-9]+ +[0-9]+ /, "", name)
    of = language(name)
    files[of]++; lines[of] += $1; words_of[of] += $2; bytes[of] += $3
  }
  END { for (of in files) printf "%s\t%.0f\t%.0f\t%.0f\t%.0f\n", of, files[of], lines[of], words_of[of], bytes[of] }
' counted | sort >"$ASTRA_OUTPUT/counts.tsv"
named=$(wc -l <part | tr -d ' ')
hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }
awk -F '\t' -v named="$named" -v counts="$(hash <"$ASTRA_OUTPUT/counts.tsv")" '
  { files += $2; lines += $3; words += $4; bytes += $5 }
  END { printf "{\"counts\":\"%s\",\"files\":%.0f,\"unreadable\":%.0f,\"lines\":%.0f,\"words\":%.0f,\"bytes\":%.0f}\n", \
    counts, files, named - files, lines, words, bytes }
' "$ASTRA_OUTPUT/counts.tsv" >"$ASTRA_RESULT"
cat "$ASTRA_RESULT"
