import Metrics
import Tensors
import Testing

@Suite struct ClassificationTests {
    private func data() throws -> (Tensor, Tensor) {
        let probabilities = Features.uniforms(50, 300).enumerated().map { index, value -> Float in
            let rounded = Float((value * 100).rounded(.toNearestOrEven) / 100)
            return index % 5 == 4 ? rounded * 0.25 : rounded
        }
        let labels = Features.uniforms(51, 300).enumerated().map { index, value -> Int64 in
            index % 5 == 3 ? 0 : value < 0.4 ? 1 : 0
        }
        return (try Tensor(probabilities, shape: [60, 5]), try Tensor(labels, shape: [60, 5]))
    }

    @Test func matchesScikitLearn() throws {
        let reference = try Reference()
        let (probabilities, labels) = try data()
        let result = try Classification(probabilities: probabilities, labels: labels)
        #expect(close(result.accuracy, try reference.value("classification", "accuracy"), 1e-14))
        #expect(close(result.subsetAccuracy, try reference.value("classification", "subset"), 1e-14))
        for (rates, name) in [(result.micro, "micro"), (result.macro, "macro")] {
            let expected: [Double] = try reference.value("classification", name)
            #expect(close(rates.precision, expected[0], 1e-14))
            #expect(close(rates.recall, expected[1], 1e-14))
            #expect(close(rates.f1, expected[2], 1e-14))
        }
        let areas: [Any] = try reference.value("classification", "auc")
        for (one, area) in zip(result.classes, areas) {
            if let area = area as? Double {
                #expect(close(try #require(one.auc), area, 1e-14))
            } else {
                #expect(one.auc == nil)
            }
        }
        #expect(close(try #require(result.aucMacro), try reference.value("classification", "auc_macro"), 1e-14))
    }

    @Test func rocCurveMatchesScikitLearn() throws {
        let expected: [[Double]] = try Reference().value("classification", "roc")
        let (probabilities, labels) = try data()
        let scores = try probabilities.array(Float.self)
        let truth = try labels.array(Int64.self)
        let curve = try ROCCurve(
            scores: (0..<60).map { Double(scores[$0 * 5]) }, labels: (0..<60).map { truth[$0 * 5] == 1 })
        #expect(curve.falsePositiveRate == expected[0])
        #expect(curve.truePositiveRate == expected[1])
        #expect(curve.thresholds == [.infinity] + expected[2])
    }

    @Test func reversedScoresGiveOneLess() throws {
        let scores = Features.uniforms(3, 50).map { ($0 * 10).rounded() }
        let labels = Features.uniforms(4, 50).map { $0 < 0.5 }
        let area = try #require(try ROCCurve.area(scores: scores, labels: labels))
        let reversed = try #require(try ROCCurve.area(scores: scores.map { -$0 }, labels: labels))
        #expect(close(area + reversed, 1, 1e-14))
    }

    @Test func confusionMatrixMatchesScikitLearn() throws {
        let labels = Features.uniforms(52, 80).map { Int(($0 * 5).rounded(.down)) - 1 }
        let guesses = Features.uniforms(53, 80).map { Int(($0 * 4).rounded(.down)) }
        let matrix = try ConfusionMatrix(predictions: guesses, labels: labels)
        let expected: [[Double]] = try Reference().value("classification", "confusion")
        #expect(matrix.counts == expected.map { $0.map { Int($0) } })
        let found: [Double] = try Reference().value("classification", "confusion_labels")
        #expect(matrix.labels == found.map { Int($0) })
    }

    @Test func refusesWhatDoesNotFit() throws {
        let (probabilities, labels) = try data()
        let two = try Tensor([Int64](repeating: 2, count: 300), shape: [60, 5])
        #expect(throws: MetricError.self) { try Classification(probabilities: probabilities, labels: two) }
        #expect(throws: MetricError.self) {
            try Classification(probabilities: probabilities, labels: Tensor.zeros([60, 4]))
        }
        #expect(throws: MetricError.self) {
            try Classification(probabilities: probabilities, labels: labels, names: ["a"])
        }
        #expect(throws: MetricError.self) {
            try Classification(probabilities: Tensor.zeros([0, 5]), labels: Tensor.zeros([0, 5]))
        }
        #expect(throws: MetricError.self) { try ROCCurve(scores: [1, 2], labels: [true, true]) }
        #expect(throws: MetricError.self) { try ROCCurve(scores: [1, .nan], labels: [true, false]) }
        #expect(throws: MetricError.self) { try ROCCurve(scores: [1], labels: [true, false]) }
        #expect(throws: MetricError.self) { try ConfusionMatrix(predictions: [1], labels: []) }
        #expect(throws: MetricError.self) { try ConfusionMatrix(predictions: [], labels: []) }
    }
}
