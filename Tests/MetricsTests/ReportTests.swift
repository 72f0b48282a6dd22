import Files
import Metrics
import TestSupport
import Tensors
import Testing

/// The metrics of reports beside sacrebleu, rouge-score, scikit-learn and SciPy (`Tests/Parity/generators/metrics_reports.py`).
@Suite struct ReportTests {
    private let root: JSON

    init() throws { root = try JSON.read(Places.fixtures("metrics/reports.json")) }

    private func strings(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }
    private func numbers(_ json: JSON?) -> [Double] { (json?.array ?? []).compactMap(\.number) }

    private func expect(_ interval: ReportInterval?, _ wanted: JSON?) throws {
        let interval = try #require(interval)
        let ends = numbers(wanted)
        #expect(ends.count == 3 && interval.replicates == 500)
        for (found, end) in zip([interval.low, interval.median, interval.high], ends) {
            #expect(close(found, end, 1e-9), "\(found), \(end)")
        }
    }

    private let draws = ReportInterval.Draws(replicates: 500, seed: 3)

    @Test func textsMatchSacrebleuAndRougeScore() throws {
        let texts = try #require(root["texts"])
        let (candidates, references) = (strings(texts["candidates"]), strings(texts["references"]))
        #expect(candidates.count == 60 && references.count == 60)
        for (place, wanted) in (texts["bleu"]?.array ?? []).enumerated() {
            let hasInterval = wanted["interval"] != nil
            let found = try BLEU(
                candidates: candidates, references: references, order: place + 1,
                .init(replicates: hasInterval ? 500 : 0, seed: 12345))
            #expect(close(found.score, try #require(wanted["score"]?.number), 1e-10), "\(place + 1)")
            if hasInterval { try expect(found.interval, wanted["interval"]) }
        }
        let rouge = try #require(texts["rouge"])
        let found = try RougeL.score(candidates: candidates, references: references, draws)
        #expect(close(found.mean, try #require(rouge["mean"]?.number), 1e-12))
        for (a, b) in zip(found.values, numbers(rouge["scores"])) { #expect(close(a, b, 1e-14)) }
        try expect(found.interval, rouge["interval"])
        for item in root["single"]?.array ?? [] {
            let (candidate, reference) = ([item["candidate"]?.string ?? "?"], [item["reference"]?.string ?? "?"])
            for (place, wanted) in numbers(item["bleu"]).enumerated() {
                let found = try BLEU(candidates: candidate, references: reference, order: place + 1)
                #expect(close(found.score, wanted, 1e-10), "\(candidate)")
            }
            let found = try RougeL.score(candidates: candidate, references: reference)
            #expect(close(found.mean, try #require(item["rouge"]?.number), 1e-14) && found.interval == nil)
        }
    }

    @Test func longReports() throws {
        func words(_ key: UInt64) -> String {
            Features.uniforms(key, 5000).map { "w\(Int($0 * 40))" }.joined(separator: " ")
        }
        let (a, b) = (words(71), words(72))
        let found = try RougeL.score(candidates: [a, a, b], references: [b, a, ""])
        // The table of the textbook.
        let (x, y) = (a.split(separator: " "), b.split(separator: " "))
        var row = [Int](repeating: 0, count: y.count + 1)
        for word in x {
            var corner = 0
            for place in y.indices {
                let above = row[place + 1]
                row[place + 1] = word == y[place] ? corner + 1 : max(above, row[place])
                corner = above
            }
        }
        #expect(close(found.values[0], Double(row[y.count]) / 5000, 1e-14))
        #expect(found.values[1] == 1 && found.values[2] == 0)
        #expect(try BLEU(candidates: [a], references: [a]).score > 99.999)
    }

    @Test func classesMatchScikitLearn() throws {
        let labels = try #require(root["labels"])
        func tensor(_ json: JSON?) throws -> Tensor {
            let rows = try #require(json?.array)
            return try Tensor(rows.flatMap { numbers($0).map { Int64($0) } }, shape: [rows.count, 14])
        }
        let (candidates, references) = (try tensor(labels["candidates"]), try tensor(labels["references"]))
        let classes = try #require(labels["negative"]?["per_class"]?.object)
        let names = classes.map(\.key)
        for way in CheXbertScores.Uncertain.allCases {
            let wanted = try #require(labels[way.rawValue])
            let found = try CheXbertScores(
                candidates: candidates, references: references, names: names, uncertain: way, draws)
            for (value, key) in [
                (found.all.micro, "micro_14"), (found.all.macro, "macro_14"), (found.five.micro, "micro_5"),
                (found.five.macro, "macro_5"), (found.four.micro, "micro_4"), (found.four.macro, "macro_4"),
            ] {
                #expect(close(value, try #require(wanted[key]?.number), 1e-14), "\(way) \(key)")
                try expect(found.intervals.first { $0.name == key }?.interval, wanted["intervals"]?[key])
            }
            for finding in found.findings {
                let rates = finding.rates
                let values = numbers(wanted["per_class"]?[finding.name])
                #expect(values.count == 4)
                for (a, b) in zip([rates.precision, rates.recall, rates.f1, Double(finding.support)], values) {
                    #expect(close(a, b, 1e-14), "\(way) \(finding.name)")
                }
            }
        }
    }

    @Test func rewardsMatchRadGraph() throws {
        let all = try #require(root["annotations"])
        func annotations(_ json: JSON?) throws -> [ReportAnnotation] {
            try #require(json?.array).map { row in
                ReportAnnotation(
                    (row.array ?? []).map { entity in
                        let parts = entity.array ?? []
                        return .init(
                            tokens: parts[0].string ?? "", label: parts[1].string ?? "",
                            relations: (parts[2].array ?? []).map {
                                let pair = $0.array ?? []
                                return .init(kind: pair[0].string ?? "", entity: (pair[1].integer ?? 0) - 1)
                            })
                    })
            }
        }
        let (candidates, references) = (try annotations(all["candidates"]), try annotations(all["references"]))
        for reward in RadGraphReward.allCases {
            let wanted = try #require(all[reward.rawValue])
            let found = try reward.score(candidates: candidates, references: references, draws)
            #expect(found.values == numbers(wanted["scores"]), "\(reward)")
            #expect(close(found.mean, try #require(wanted["mean"]?.number), 1e-14))
            try expect(found.interval, wanted["interval"])
        }
        let astray = ReportAnnotation([.init(tokens: "a", label: "b", relations: [.init(kind: "c", entity: 4)])])
        let text = message { _ = try RadGraphReward.simple.score(candidates: [astray], references: [astray]) }
        #expect(text.contains("candidates: entity 1 of row 1") && text.contains("entity 5 of 1"))
    }

    @Test func refusesWhatDoesNotFit() throws {
        #expect(
            message { _ = try BLEU(candidates: ["a"], references: []) }.contains("candidates has 1 rows, references 0"))
        #expect(
            message { _ = try RougeL.score(candidates: [], references: []) }.contains("rouge_l: candidates has no rows")
        )
        #expect(message { _ = try BLEU(candidates: ["a"], references: ["a"], order: 0) }.contains("1 to 16, got 0"))
        #expect(
            message {
                _ = try RougeL.score(candidates: ["a"], references: ["a"], .init(replicates: -1, seed: 3))
            }.contains("replicates, got -1"))
        let names = (0..<14).map(String.init)
        let good = try Tensor.zeros([2, 14], .i64)
        let bad = try Tensor(
            [Int64](repeating: 0, count: 14) + [0, 0, 4] + [Int64](repeating: 0, count: 11), shape: [2, 14])
        #expect(
            message { _ = try CheXbertScores(candidates: good, references: bad, names: names) }
                .contains("references: row 2 holds 4.0 in column 3"))
        #expect(
            message { _ = try CheXbertScores(candidates: .zeros([2, 13]), references: good, names: names) }
                .contains("candidates: wanted [N, 14], got [2, 13]"))
        #expect(
            message { _ = try CheXbertScores(candidates: .zeros([0, 14]), references: .zeros([0, 14]), names: names) }
                .contains("no rows"))
    }

    /// NumPy's `default_rng(seed).integers(0, bound)`, as NumPy 2.1.2 gives them.
    @Test func defaultGenerator() {
        for (seed, bound, wanted) in Self.drawn {
            var random = NumPyGenerator(seed: seed)
            #expect(wanted.map { _ in random.index(below: bound) } == wanted, "\(seed)")
        }
    }

    private static let drawn: [(seed: UInt32, bound: UInt32, values: [Int])] = [
        (12345, 7, [4, 1, 5, 2, 1, 5, 4, 4, 6]),
        (0, 1000, [850, 636, 511, 269, 307, 40, 75, 16, 175]),
        (
            42, 3000000000,
            [267752861, 2321868145, 1963714555, 1316635318, 2575793759, 282532043, 1579436936, 2926867054, 2207257111]
        ),
        (4294967295, 60, [11, 15, 43, 13, 54, 17, 12, 37, 42]),
    ]
}
