import Foundation
import Identity
import Metrics
import Tensors
import TestSupport
import Testing

/// A table of random features, `shift` away from 0 in the first one.
private func table(_ count: Int, seed: UInt64, shift: Double = 0, prefix: String = "f") throws -> FeatureTable {
    let generator = TorchGenerator(seed: seed)
    var values = [Float](repeating: 0, count: count * 4)
    values.withUnsafeMutableBufferPointer { generator.normal(into: $0) }
    let rows = values.enumerated().map { index, value -> Double in
        switch index % 4 {
        case 0: return 1
        case 1: return Double(value) + shift
        default: return Double(value)
        }
    }
    return try FeatureTable(
        names: ["diagnostics_Mask-original_VolumeNum", "a", "b", "c"],
        paths: (0..<count).map { "\(prefix)/\(String(format: "%03d", $0)).png" }, values: rows)
}

private func distance(
    _ real: FeatureTable, _ synthetic: FeatureTable, _ way: Protocol, chunks: Bool = false
) throws -> FrechetRadiomicsDistance {
    try FrechetRadiomicsDistance(
        real: real, synthetic: synthetic, protocol: way, isChunked: chunks)
}

@Suite struct FrechetRadiomicsDistanceTests {
    @Test func protocolsDifferAsTheyShould() throws {
        let (real, synthetic) = (try table(53, seed: 1), try table(40, seed: 2, shift: 3))
        let exact = try distance(real, synthetic, .exact)
        #expect(exact.realCount == 53 && exact.syntheticCount == 40 && exact.dropped.isEmpty)
        #expect(exact.features == ["a", "b", "c"] && abs(exact.value - 0.5 * log(exact.squaredDistance)) < 1e-12)
        #expect(exact.moved.first?.name == "a" && (exact.moved.first?.share ?? 0) > 0.8)
        let reference = try distance(real, synthetic, .chexgenbench, chunks: true)
        #expect(reference.realCount == 32 && reference.syntheticCount == 32)
        #expect(reference.dropped.count == 5 + 8 && reference.droppedFeatures.count == 1)
        #expect(reference.dropped.map(\.path).contains("f/052.png"))
        #expect(reference.dropped.allSatisfy { $0.kind == .chunks })
        #expect(abs(reference.value - log(reference.squaredDistance)) < 1e-12)
        #expect(try distance(real, real, .exact).value == -.infinity)
    }

    @Test func tablesThatDoNotFitAreRefused() throws {
        let real = try table(20, seed: 1)
        let other = try FeatureTable(names: ["a", "b"], paths: ["x", "y"], values: [1, 2, 3, 4])
        #expect(throws: MetricError.self) { try distance(real, other, .exact) }
        let message = #expect(throws: MetricError.self) {
            try distance(table(15, seed: 1), real, .chexgenbench, chunks: true)
        }
        #expect("\(message.map { "\($0)" } ?? "")".contains("fewer than 16"))
        #expect(throws: MetricError.self) { try FeatureTable(names: ["a", "b"], paths: ["x"], values: [1]) }
    }
}
