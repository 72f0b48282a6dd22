import CSupport
import Files
import Foundation
import Testing

@Suite struct SHA256Tests {
    @Test func knownHashes() {
        #expect(SHA256().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(SHA256.hex(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let million = Data(repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(SHA256.hex(of: million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func piecesOfAnySizeGiveTheSameHash() {
        let data = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        for length in [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1000] {
            let whole = SHA256.hex(of: data.prefix(length))
            for piece in [1, 7, 63, 64, 65, 200] {
                var hash = SHA256()
                var rest = data.prefix(length)
                while !rest.isEmpty {
                    hash.update(Data(rest.prefix(piece)))
                    rest = rest.dropFirst(piece)
                }
                #expect(hash.hex() == whole)
            }
        }
    }

    @Test func bothWaysGiveTheSameHash() {
        let data = Data((0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* $0 &+ 3) })
        let fast = SHA256.hex(of: data)
        cx_sha256_use_portable(true)
        let portable = SHA256.hex(of: data)
        cx_sha256_use_portable(false)
        #expect(fast == portable)
    }
}
