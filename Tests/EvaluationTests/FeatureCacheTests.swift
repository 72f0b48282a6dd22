import Evaluation
import Foundation
import Identity
import TestSupport
import Testing

@Suite struct FeatureCacheTests {
    final class Warnings: @unchecked Sendable { var lines: [String] = [] }

    let identity = FeatureIdentity(
        encoder: "inception-v3", source: .files(sha256: sha("w")), preprocessing: "tf-299", output: "2048", dtype: "f32"
    )

    func cache(_ scratch: Scratch, _ warnings: Warnings) -> FeatureCache {
        FeatureCache(folder: scratch.path + "/cache") { warnings.lines.append($0) }
    }

    /// The vectors that a cache holds of images.
    private func get(_ cache: FeatureCache, _ images: [String], _ identity: FeatureIdentity) throws -> [[Float]?] {
        var found = [[Float]?](repeating: nil, count: images.count)
        try cache.get(images, identity) { place, bytes in
            found[place] = (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
        return found
    }

    private func put(_ cache: FeatureCache, _ entries: [(String, [Float])], _ identity: FeatureIdentity) {
        for (image, vector) in entries { vector.withUnsafeBytes { cache.put([(image, $0)], identity) } }
    }

    @Test func whatWasPutIsFound() throws {
        let scratch = try Scratch()
        let warnings = Warnings()
        let first = cache(scratch, warnings)
        let vectors: [[Float]] = [
            [1, -0.0, .nan, .infinity, .leastNonzeroMagnitude], [], (0..<2048).map { Float($0) / 7 },
        ]
        put(first, vectors.enumerated().map { (sha("\($0)"), $1) }, identity)
        for cache in [first, cache(scratch, warnings)] {
            let found = try get(cache, ["0", "1", "2", "3"].map(sha), identity)
            for (index, vector) in vectors.enumerated() {
                #expect(found[index]?.map(\.bitPattern) == vector.map(\.bitPattern))
            }
            #expect(found[3] == nil)
            #expect(cache.size.vectors == 3 && cache.size.bytes > 8192)
        }
        for change: (inout FeatureIdentity) -> Void in [
            { $0.encoder = "rad-dino" }, { $0.source = .files(sha256: sha("v")) }, { $0.preprocessing = "pil-299" },
            { $0.output = "logits" }, { $0.dtype = "bf16" }, { $0.source = .formula },
        ] {
            var other = identity
            change(&other)
            #expect(try get(first, [sha("0")], other) == [nil])
        }
        try first.clear()
        #expect(try get(first, [sha("0")], identity) == [nil])
        put(first, [(sha("0"), [2])], identity)
        #expect(try get(first, [sha("0")], identity) == [[2]])
        #expect(warnings.lines == [])
    }

    @Test func damageCountsAsAbsent() throws {
        var random = SeededGenerator()
        for kind in 0..<30 {
            let scratch = try Scratch()
            let warnings = Warnings()
            do { put(cache(scratch, warnings), (0..<40).map { (sha("\($0)"), (0..<300).map(Float.init)) }, identity) }
            let path = scratch.path + "/cache/features.sqlite"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            if kind == 0 { bytes = Data("no database".utf8) + bytes }
            if kind == 1 { bytes = bytes.prefix(bytes.count / 2) }
            if kind == 2 { bytes = bytes.prefix(100) }
            if kind > 2 {
                for _ in 0..<200 {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            try bytes.write(to: URL(fileURLWithPath: path))
            let second = cache(scratch, warnings)
            for vector in try get(second, (0..<40).map { sha("\($0)") }, identity) {
                #expect(vector == nil || vector == (0..<300).map(Float.init), "\(kind)")
            }
            if kind < 2 {
                #expect(warnings.lines.contains { $0.contains("damaged") }, "\(kind): \(warnings.lines)")
                put(second, [(sha("x"), [1])], identity)
                #expect(try get(second, [sha("x")], identity) == [[1]])
            }
        }
    }

    @Test func aCacheThatCannotBeMadeOnlyWarns() throws {
        let scratch = try Scratch()
        let warnings = Warnings()
        try scratch.write("cache", "a file")
        let cache = cache(scratch, warnings)
        put(cache, [(sha("x"), [1])], identity)
        #expect(try get(cache, [sha("x")], identity) == [nil])
        #expect(warnings.lines.count == 1)
        #expect(cache.size.vectors == 0)
    }

    @Test func severalConnectionsWriteAtOnce() async throws {
        let scratch = try Scratch()
        let warnings = Warnings()
        let identity = identity
        let folder = scratch.path + "/cache"
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    let cache = FeatureCache(folder: folder) { _ in }
                    for index in 0..<20 {
                        [Float(index)].withUnsafeBytes { cache.put([(sha("\(worker)-\(index)"), $0)], identity) }
                    }
                }
            }
        }
        let cache = cache(scratch, warnings)
        #expect(cache.size.vectors == 80)
        #expect(try get(cache, [sha("3-19")], identity) == [[19]])
        #expect(warnings.lines == [])
    }
}
