import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct NearestNeighboursTests {
    private func rows(_ name: String, _ count: Int, _ width: Int) throws -> Tensor {
        try Tensor(uniform(name, [count, width], -1, 1), shape: [count, width])
    }

    /// The k nearest by plain loops in f64.
    private func plain(_ a: Tensor, _ b: Tensor, k: Int, isCosine: Bool) throws -> [[(distance: Double, row: Int)]] {
        let width = a.shape[1]
        let (first, second) = try (a.array(Float.self).map(Double.init), b.array(Float.self).map(Double.init))
        return (0..<a.shape[0]).map { i in
            let all = (0..<b.shape[0]).map { j -> (distance: Double, row: Int) in
                var (dot, squares, one, other) = (0.0, 0.0, 0.0, 0.0)
                for column in 0..<width {
                    let (x, y) = (first[i * width + column], second[j * width + column])
                    dot += x * y
                    squares += (x - y) * (x - y)
                    one += x * x
                    other += y * y
                }
                return (isCosine ? 1 - dot / (one * other).squareRoot() : squares.squareRoot(), j)
            }
            return Array(all.sorted { ($0.distance, $0.row) < ($1.distance, $1.row) }.prefix(k))
        }
    }

    @Test(arguments: NearestNeighbours.Distance.allCases)
    func equalsPlainLoops(_ distance: NearestNeighbours.Distance) throws {
        let (queries, database) = try (rows("queries", 37, 24), rows("database", 1500, 24))
        for k in [1, 7, 60] {
            let found = try NearestNeighbours.search(queries, database, k: k, distance: distance)
            #expect(found.distances.shape == [37, k] && found.rows.shape == [37, k])
            let wanted = try plain(queries, database, k: k, isCosine: distance == .cosine)
            let (values, places) = try (found.distances.array(Float.self), found.rows.array(Int64.self))
            for (index, item) in wanted.joined().enumerated() {
                #expect(abs(Double(values[index]) - item.distance) < 1e-6)
                #expect(Int(places[index]) == item.row)
            }
        }
    }

    /// Rows that lie close together far from the centre, in several tiles: bounds of rounded products decide nothing there.
    @Test func tightClustersAreExact() throws {
        let (count, width) = (2500, 33)
        let centres = uniform("centres", [5, width], -50, 50)
        let small = uniform("small", [count, width], -1e-3, 1e-3)
        let values = (0..<count * width).map { centres[$0 / width % 5 * width + $0 % width] + small[$0] }
        let database = try Tensor(values, shape: [count, width])
        let moved = values.suffix(40 * width).map { $0 + 2e-4 }
        let queries = try Tensor(moved, shape: [40, width])
        let found = try NearestNeighbours.search(queries, database, k: 6)
        let wanted = try plain(queries, database, k: 6, isCosine: false)
        let (distances, places) = try (found.distances.array(Float.self), found.rows.array(Int64.self))
        for (index, item) in wanted.joined().enumerated() {
            #expect(abs(Double(distances[index]) - item.distance) < 1e-6 * item.distance)
            #expect(Int(places[index]) == item.row)
        }
    }

    @Test func copiesAndTiesAreExact() throws {
        // Copies stand far from the origin, where products of f32 alone would not tell them from their neighbours.
        var values = uniform("far", [500, 32], 99, 101)
        for column in 0..<32 { values[300 * 32 + column] = values[7 * 32 + column] }
        let database = try Tensor(values, shape: [500, 32])
        let found = try NearestNeighbours.search(database, database, k: 2)
        let (distances, rows) = try (found.distances.array(Float.self), found.rows.array(Int64.self))
        for row in 0..<500 { #expect(distances[2 * row] == 0 && rows[2 * row] == (row == 300 ? 7 : row)) }
        #expect(rows[15] == 300 && distances[15] == 0 && rows[600] == 7 && rows[601] == 300)
        let same = try Tensor.full([9, 4], .number(3), .f32)
        #expect(try NearestNeighbours.search(same, same, k: 3).rows.array(Int64.self).prefix(3) == [0, 1, 2])
    }

    @Test func whatCannotBeIsNamed() throws {
        let (queries, database) = try (rows("queries", 3, 4), rows("database", 5, 4))
        func text(_ body: () throws -> Void) -> String { message(body) }
        #expect(text { _ = try NearestNeighbours.search(queries, database, k: 6) }.contains("5 rows"))
        #expect(text { _ = try NearestNeighbours.search(queries, database, k: 0) }.contains("k = 0"))
        #expect(text { _ = try NearestNeighbours.search(queries, rows("wide", 5, 3)) }.contains("3"))
        let zero = try Tensor.zeros([2, 4])
        #expect(text { _ = try NearestNeighbours.search(zero, database, distance: .cosine) }.contains("no direction"))
        #expect(try NearestNeighbours.search(zero, database).rows.shape == [2, 1])
        let bad = try Tensor([Float.nan, 1, 1, 1], shape: [1, 4])
        #expect(text { _ = try NearestNeighbours.search(bad, database) }.contains("query"))
        #expect(try NearestNeighbours.search(.zeros([0, 4]), database).distances.shape == [0, 1])
    }

    @Test func pixelsAreSigned() throws {
        let pixels = (0..<192).map { UInt8($0) }
        let (first, next) = try (Tensor(pixels, shape: [8, 8, 3]), Tensor(pixels.map { $0 + 1 }, shape: [8, 8, 3]))
        #expect(try PairDistance.pixels(first, next) == 1 && PairDistance.pixels(next, first) == 1)
        #expect(try PairDistance.wrappedPixels(first, next) == 255 && PairDistance.wrappedPixels(next, first) == 1)
        #expect(try PairDistance.pixels(first, first) == 0)
        let (black, white) = try (
            Tensor.zeros([4, 4, 3], .u8), Tensor([UInt8](repeating: 255, count: 48), shape: [4, 4, 3])
        )
        #expect(try PairDistance.pixels(black, white) == 255)
        #expect(throws: MetricError.self) { try PairDistance.pixels(first, .zeros([8, 8, 1], .u8)) }
        #expect(throws: MetricError.self) { try PairDistance.pixels(.zeros([1]), .zeros([1])) }
        let latents = try PairDistance.latents(Tensor([3, 0, 1, 1] as [Float], shape: [2, 2]), .zeros([2, 2]))
        #expect(try latents.array(Double.self) == [(9.0 / 2).squareRoot(), 1])
        #expect(throws: MetricError.self) { try PairDistance.latents(.zeros([2, 2]), .zeros([3, 2])) }
    }

    @Test func meansCountGroups() throws {
        let values = [1.0, 2, 3, 10, 11, 12, 4, 5]
        let alone = try ClusteredMean(values, groups: RowGroups(rows: 8))
        let mean = values.reduce(0, +) / 8
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 7).squareRoot()
        // Where every value is a group of its own it is the usual interval: t of 7 degrees is 2.364624.
        #expect(abs((alone.error ?? 0) - deviation / 8.0.squareRoot()) < 1e-12)
        let reach = (alone.interval?.high ?? 0) - alone.value
        #expect(alone.value == mean && abs(reach / (alone.error ?? 1) - 2.364624) < 1e-5)
        let grouped = try ClusteredMean(values, groups: RowGroups(["a", "a", "a", "b", "b", "b", "c", "c"]))
        #expect(grouped.groups == 3 && (grouped.error ?? 0) > 1.5 * (alone.error ?? 9))
        #expect(try ClusteredMean([4], groups: RowGroups(rows: 1)).interval == nil)
        #expect(throws: MetricError.self) { try ClusteredMean([], groups: RowGroups(rows: 0)) }
        #expect(throws: MetricError.self) { try ClusteredMean([1, .nan], groups: RowGroups(rows: 2)) }
        #expect(throws: MetricError.self) { try ClusteredMean([1, 2], groups: RowGroups(rows: 3)) }
    }

    /// Against scipy 1.15: `beta.ppf` of Clopper and Pearson's interval; of groups with 13 over the design effect and the t of degrees.
    @Test func sharesCountGroups() throws {
        func share(_ ones: Int, of count: Int) throws -> ClusteredShare {
            try ClusteredShare((0..<count).map { $0 < ones }, groups: RowGroups(rows: count))
        }
        for (ones, count, low, high) in [
            (0, 20, 0, 0.1684334709830853), (3, 20, 0.0320709371854637, 0.37892682654531396),
            (20, 20, 0.8315665290169146, 1), (1, 2000, 1.265882386855789e-05, 0.0027826398346589465),
        ] {
            let found = try share(ones, of: count)
            let interval = try #require(found.interval)
            #expect(found.value == Double(ones) / Double(count) && found.groups == count)
            #expect(abs(interval.low - low) < 1e-9 && abs(interval.high - high) < 1e-9, "\(interval)")
        }
        let values = [1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0].map { $0 == 1 }
        let grouped = try ClusteredShare(values, groups: RowGroups(Array("aaabbccccdeef")))
        let interval = try #require(grouped.interval)
        #expect(grouped.groups == 6 && abs(grouped.effectiveCount - 9.097945216933093) < 1e-8)
        #expect(abs(interval.low - 0.1490684321041066) < 1e-8 && abs(interval.high - 0.7987502380992767) < 1e-8)
        // Ten films of two patients, none of which is found: two patients say that much, not ten.
        let none = try ClusteredShare(
            [Bool](repeating: false, count: 10), groups: RowGroups((0..<10).map { $0 % 2 }))
        #expect(none.effectiveCount == 2 && (none.interval?.high ?? 0) > 0.8)
        #expect(try ClusteredShare([true, false], groups: RowGroups(["a", "a"])).interval == nil)
        #expect(throws: MetricError.self) { try ClusteredShare([], groups: RowGroups(rows: 0)) }
    }

    /// Rare findings of patients with several films each: the true rate lies within at least as often as is promised.
    @Test func intervalsOfRareSharesHold() throws {
        var random = SeededGenerator()
        let (rate, patients) = (0.01, 150)
        var held = 0
        let rounds = 400
        for _ in 0..<rounds {
            var (values, groups) = ([Bool](), [Int]())
            for patient in 0..<patients {
                // A patient is found or not; each of the films then follows with nine chances of ten.
                let isFound = Double.random(in: 0..<1, using: &random) < rate / 0.9
                for _ in 0..<Int.random(in: 1...5, using: &random) {
                    values.append(isFound && Double.random(in: 0..<1, using: &random) < 0.9)
                    groups.append(patient)
                }
            }
            let interval = try #require(try ClusteredShare(values, groups: RowGroups(groups)).interval)
            if interval.low <= rate && rate <= interval.high { held += 1 }
        }
        #expect(held >= rounds * 92 / 100, "\(held) of \(rounds)")
    }
}
