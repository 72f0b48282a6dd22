# hash.sh ROOT OUTPUT: writes a Swift file with one hash of Package.swift and of all that lies below Sources, names included.
set -e
cd "$1"
hash=$(find Package.swift Sources -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64)
printf 'let sourceHash = "%s"\n' "$hash" >"$2"
