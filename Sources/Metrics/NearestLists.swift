import MetricKernels
import Threading
import Tensors

/// For every row of a set the nearest rows of another, found through tiles of products.
///
/// Each row keeps a short list of candidates with bounds of their distances. A full list is thinned by the `wanted`-th smallest
/// upper bound; where the bounds cannot thin it, the candidates' distances are computed exactly.
struct NearestLists {
    private let tiles: DistanceTiles
    private let wanted: Int
    private let capacity: Int
    private let indexes: Scratch<Int32>
    private let lows: Scratch<Float>
    private let highs: Scratch<Float>
    private let counts: Scratch<Int32>
    private let thresholds: Scratch<Float>

    /// - Parameters:
    ///   - wanted: how many rows of the second set each row of the first looks for, at most those that there are.
    init(_ tiles: DistanceTiles, wanted: Int) throws {
        self.tiles = tiles
        self.wanted = wanted
        let rows = tiles.first.rows
        capacity = min(tiles.second.rows, max(48, 3 * wanted)) + 1
        indexes = try Scratch<Int32>(rows, capacity)
        lows = try Scratch<Float>(rows, capacity)
        highs = try Scratch<Float>(rows, capacity)
        counts = try Scratch<Int32>(rows)
        thresholds = try Scratch<Float>(rows)
        counts.fill(0)
        thresholds.fill(.infinity)
    }

    /// Looks at a tile for its rows.
    /// - Parameter isOneSet: whether both sets are the same: a row's distance to itself is then 0 by definition, not by rounding.
    func scanRows(_ tile: DistanceTiles.Tile, isOneSet: Bool) {
        Parallel.forEach((tile.rows.count + 63) / 64) { slab in
            for row in slab * 64..<min(tile.rows.count, slab * 64 + 64) {
                scan(
                    tile.rows.lowerBound + row, tile.products + row * tile.stride, stride: 1, slack: tile.slack,
                    norm: tile.rowNorms[row], against: tile.columns, norms: tile.columnNorms, isOneSet: isOneSet)
            }
        }
    }

    /// Looks at a tile of one set's pairs for its columns.
    func scanColumns(_ tile: DistanceTiles.Tile) {
        Parallel.forEach((tile.columns.count + 63) / 64) { slab in
            for column in slab * 64..<min(tile.columns.count, slab * 64 + 64) {
                scan(
                    tile.columns.lowerBound + column, tile.products + column, stride: tile.stride, slack: tile.slack,
                    norm: tile.columnNorms[column], against: tile.rows, norms: tile.rowNorms, isOneSet: true)
            }
        }
    }

    /// Calls `body` for every row, when all tiles were looked at, with the squared distance, rounded to f32, of its last wanted
    /// neighbour, and those neighbours: their rows and squared distances, not in order. Several threads call at once.
    func finish(_ body: (_ row: Int, _ last: Float, _ found: [(row: Int, squared: Float)]) -> Void) {
        let rows = tiles.first.rows
        Parallel.forEach((rows + 63) / 64) { slab in
            for row in slab * 64..<min(rows, slab * 64 + 64) {
                thin(row)
                resolve(row)
                thin(row)
                let places = row * capacity..<row * capacity + Int(counts.pointer[row])
                body(
                    row, thresholds.pointer[row], places.map { (Int(indexes.pointer[$0]), highs.pointer[$0]) })
            }
        }
    }

    private func scan(
        _ row: Int, _ products: UnsafePointer<Float>, stride: Int, slack: Float, norm: Float,
        against others: Range<Int>,
        norms: UnsafePointer<Float>, isOneSet: Bool
    ) {
        MetricDistance.scanRow(
            products, stride: stride, count: others.count, norm: norm, norms: norms, slack: slack,
            threshold: { thresholds.pointer[row] },
            found: { column, low, high in
                let other = others.lowerBound + column
                let isItself = isOneSet && other == row
                insert(row, other, isItself ? 0 : low, isItself ? 0 : high)
            })
    }

    private func insert(_ row: Int, _ other: Int, _ low: Float, _ high: Float) {
        if low > thresholds.pointer[row] { return }
        var slot = Int(counts.pointer[row])
        if slot == capacity - 1 {
            thin(row)
            if Int(counts.pointer[row]) > capacity * 3 / 4 {
                resolve(row)
                thin(row)
            }
            if low > thresholds.pointer[row] { return }
            slot = Int(counts.pointer[row])
        }
        let place = row * capacity + slot
        indexes.pointer[place] = Int32(other)
        lows.pointer[place] = low
        highs.pointer[place] = high
        counts.pointer[row] = Int32(slot + 1)
    }

    /// Replaces bounds by exact distances.
    private func resolve(_ row: Int) {
        for place in row * capacity..<row * capacity + Int(counts.pointer[row])
        where lows.pointer[place] != highs.pointer[place] {
            let exact = tiles.squared(row, Int(indexes.pointer[place]))
            lows.pointer[place] = exact
            highs.pointer[place] = exact
        }
    }

    /// Lowers the threshold to the `wanted`-th smallest upper bound and drops the candidates above it. Where all that are
    /// left are known exactly, the `wanted` smallest are enough.
    private func thin(_ row: Int) {
        let start = row * capacity
        let count = Int(counts.pointer[row])
        if count < wanted { return }
        let sorted = UnsafeBufferPointer(start: highs.pointer + start, count: count).sorted()
        let threshold = min(thresholds.pointer[row], sorted[wanted - 1])
        thresholds.pointer[row] = threshold
        var kept = 0
        var isExact = true
        for place in start..<start + count where lows.pointer[place] <= threshold {
            if lows.pointer[place] != highs.pointer[place] { isExact = false }
            move(place, to: start + kept)
            kept += 1
        }
        if isExact && kept > wanted {
            // Those at the threshold are equal; keep as many of them as are wanted.
            let below = (start..<start + kept).filter { highs.pointer[$0] < threshold }.count
            var equals = wanted - below
            var place = start
            for source in start..<start + kept {
                if highs.pointer[source] == threshold {
                    if equals == 0 { continue }
                    equals -= 1
                }
                move(source, to: place)
                place += 1
            }
            kept = place - start
        }
        counts.pointer[row] = Int32(kept)
    }

    private func move(_ source: Int, to target: Int) {
        indexes.pointer[target] = indexes.pointer[source]
        lows.pointer[target] = lows.pointer[source]
        highs.pointer[target] = highs.pointer[source]
    }
}
