# Lists the files under $DIR and deals them out to eight parts. One file a line: a newline within a name is kept as \001.
set -eu
LC_ALL=C
export LC_ALL
find "$DIR" -mindepth 1 -type d \( -name .git -o -name node_modules -o -name .astra -o -name .tools \) -prune \
  -o -type f -print0 2>unread | tr '\n\0' '\001\n' | sort >files || true
for n in 0 1 2 3 4 5 6 7; do
  awk -v n="$n" 'NR % 8 == n' files >"$ASTRA_OUTPUT/part-$n"
done
files=$(wc -l <files | tr -d ' ')
unread=$(wc -l <unread | tr -d ' ')
echo "$files files"
[ "$unread" = 0 ] || echo "$unread directories could not be read" >&2
hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }
parts=
for n in 0 1 2 3 4 5 6 7; do
  parts="$parts${parts:+,}\"$(hash <"$ASTRA_OUTPUT/part-$n")\""
done
printf '{"files":%s,"unreadDirectories":%s,"parts":[%s]}\n' "$files" "$unread" "$parts" >"$ASTRA_RESULT"
