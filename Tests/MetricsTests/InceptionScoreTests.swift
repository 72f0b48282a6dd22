import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct InceptionScoreTests {
    private func logits(_ scale: Float = 1) throws -> Tensor {
        try Features.make(30, 95, 12) { value, _, _ in value * 4 * scale }
    }

    @Test(arguments: [1, 2, 10, 40])
    func matchesTorchmetricsForTheSameSeed(_ splits: Int) throws {
        let expected: [Double] = try Reference().value("inception_score", String(splits))
        let score = try InceptionScore.score(logits(), splits: splits)
        #expect(close(score.mean, expected[0], 1e-12))
        #expect(close(score.std, expected[1], 1e-10, floor: 1e-6))
    }

    @Test func probabilitiesThatUnderflowAreNoTrouble() throws {
        let score = try InceptionScore.score(logits(1e6), splits: 5, seed: 3)
        #expect(score.mean.isFinite && score.mean >= 1 && score.mean <= 12)
    }

    @Test func knownValues() throws {
        let equal = try Tensor([Float](repeating: 0.5, count: 60), shape: [20, 3])
        #expect(close(try InceptionScore.score(equal, splits: 2).mean, 1, 1e-14))
        let sharp = try Tensor((0..<400).map { $0 / 4 % 4 == $0 % 4 ? Float(100) : 0 }, shape: [100, 4])
        #expect(close(try InceptionScore.score(sharp, splits: 1).mean, 4, 1e-12))
        #expect(try InceptionScore.score(Features.make(1, 3, 4), splits: 10).splits == 3)
    }

    @Test func theExactProtocolIgnoresTheOrderOfRows() throws {
        let shuffled = try Features.rows(logits(), TorchGenerator(seed: 8).permutation(95))
        #expect(
            try InceptionScore.score(logits(), protocol: .exact) == InceptionScore.score(shuffled, protocol: .exact))
        #expect(try InceptionScore.score(logits()) != InceptionScore.score(shuffled))
    }

    @Test func refusesWhatHasNoScore() throws {
        #expect(throws: MetricError.self) { try InceptionScore.score(Tensor.zeros([0, 4])) }
        #expect(throws: MetricError.self) { try InceptionScore.score(logits(), splits: 0) }
        #expect(throws: MetricError.self) { try InceptionScore.score(logits(.infinity)) }
        // Six images in ten splits score 1 whatever they show: a figure of the reference's, and no measurement.
        let few = try Features.make(1, 6, 4)
        #expect(try InceptionScore.score(few).mean == 1)
        let refusal = message { _ = try InceptionScore.score(few, protocol: .exact) }
        #expect(refusal.contains("6 images in 10 splits") && refusal.contains("at least 11"), "\(refusal)")
        #expect(try InceptionScore.score(few, splits: 1, protocol: .exact).mean > 1)
    }
}
