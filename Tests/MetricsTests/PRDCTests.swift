import Metrics
import Tensors
import Testing

@Suite struct PRDCTests {
    private func expect(_ score: PRDC.Score, _ expected: [String: Double]) {
        #expect(close(score.precision, expected["precision"] ?? -1, 1e-12))
        #expect(close(score.recall, expected["recall"] ?? -1, 1e-12))
        #expect(close(score.density, expected["density"] ?? -1, 1e-12))
        #expect(close(score.coverage, expected["coverage"] ?? -1, 1e-12))
    }

    @Test(arguments: Features.cases.filter { $0 != "collapsed" && $0 != "two modes" })
    func matchesThePackage(_ name: String) throws {
        let (real, synthetic) = try Features.pair(name)
        guard min(real.shape[0], synthetic.shape[0]) > 10 else { return }
        for k in [1, 3, 5] {
            let expected: [String: Double] = try Reference().value("cases", name, "prdc", String(k))
            expect(try PRDC.score(real, synthetic, k: k), expected)
        }
    }

    @Test func matchesThePackageNearTheEdgesOfBalls() throws {
        let real = try Features.make(40, 300, 6)
        let noise = Features.values(41, 150, 6)
        let values = try real.array(Float.self)
        let near = (0..<150 * 6).map { values[$0 / 6 * 12 + $0 % 6] + Float(0.01) * noise[$0] }
        expect(
            try PRDC.score(real, Tensor(near, shape: [150, 6])), try Reference().value("prdc_near"))
    }

    @Test func matchesThePackageOverSeveralTiles() throws {
        expect(
            try PRDC.score(Features.make(42, 1500, 10), Features.make(43, 1300, 10)),
            try Reference().value("prdc_tiles"))
    }

    /// The definition, pair by pair, with exact zeros between equal points.
    private func naive(_ real: [[Float]], _ synthetic: [[Float]], k: Int) -> [Double] {
        func distance(_ x: [Float], _ y: [Float]) -> Float {
            let squares = zip(x, y).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
            return Float(squares).squareRoot()
        }
        func radii(_ points: [[Float]]) -> [Float] {
            points.map { point in points.map { distance(point, $0) }.sorted()[k] }
        }
        let (realRadii, syntheticRadii) = (radii(real), radii(synthetic))
        let distances = real.map { point in synthetic.map { distance(point, $0) } }
        var inside = [Int](repeating: 0, count: synthetic.count)
        var (recalled, covered) = (0, 0)
        for (i, row) in distances.enumerated() {
            for (j, value) in row.enumerated() where value < realRadii[i] { inside[j] += 1 }
            if row.indices.contains(where: { row[$0] < syntheticRadii[$0] }) { recalled += 1 }
            if row.contains(where: { $0 < realRadii[i] }) { covered += 1 }
        }
        return [
            Double(inside.filter { $0 > 0 }.count) / Double(synthetic.count),
            Double(recalled) / Double(real.count),
            Double(inside.reduce(0, +)) / Double(synthetic.count) / Double(k),
            Double(covered) / Double(real.count),
        ]
    }

    @Test func equalsTheDefinitionForTiesCopiesAndClusters() throws {
        for (key, step, k) in [(UInt64(1), Float(4), 1), (2, 2, 3), (3, 1, 5), (4, 1, 30), (5, 0.5, 2), (6, 0, 4)] {
            // Coarse grids, far from the origin, so that distances tie and the bounds of products decide nothing.
            func points(_ key: UInt64, _ rows: Int) -> [[Float]] {
                let values = Features.values(key, rows, 3)
                return (0..<rows).map { row in
                    (0..<3).map { (values[row * 3 + $0] * step).rounded() + (row % 5 == 0 ? 4096 : 0) }
                }
            }
            let (real, synthetic) = (points(key, 130), points(key + 50, 90))
            let score = try PRDC.score(
                Tensor(real.flatMap { $0 }, shape: [130, 3]), Tensor(synthetic.flatMap { $0 }, shape: [90, 3]), k: k)
            let numbers = [score.precision, score.recall, score.density, score.coverage]
            #expect(numbers == naive(real, synthetic, k: k))
        }
    }

    @Test func tinyAndLargeUnitsDoNotMatter() throws {
        let expected = try PRDC.score(Features.make(1, 60, 5), Features.make(2, 50, 5))
        for scale in [Float(0x1p40), 0x1p-30] {
            let score = try PRDC.score(
                Features.make(1, 60, 5) { value, _, _ in value * scale },
                Features.make(2, 50, 5) { value, _, _ in value * scale })
            #expect(score == expected)
        }
    }

    @Test func identicalSetsGetOne() throws {
        let set = try Features.make(3, 200, 9)
        let score = try PRDC.score(set, set)
        #expect(score.precision == 1 && score.recall == 1 && score.coverage == 1)
        #expect(close(score.density, 1, 0.05))
    }

    @Test func collapsedSetsAreSeen() throws {
        let real = try Features.make(3, 50, 9)
        let mode = try Features.rows(real, [Int](repeating: 7, count: 40))
        let score = try PRDC.score(real, mode)
        #expect(score.precision == 1 && score.recall == 0 && score.coverage < 0.5)
    }

    @Test func refusesWhatHasNoNeighbours() throws {
        let set = try Features.make(3, 6, 4)
        for k in [0, -1, 6, Int.max, Int.min] {
            #expect(throws: MetricError.self, "k = \(k)") { try PRDC.score(set, set, k: k) }
        }
        #expect(throws: Never.self) { try PRDC.score(set, set, k: 5) }
        let huge = try Features.make(3, 8, 4) { value, _, _ in value * 1e30 }
        #expect(throws: MetricError.self) { try PRDC.score(huge, huge, k: 2) }
    }
}
