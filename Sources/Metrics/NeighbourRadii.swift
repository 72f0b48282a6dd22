import Tensors

/// For every row of a set the squared distance of its k-th nearest neighbour within the set, rounded to f32.
enum NeighbourRadii {
    /// The squared radii of the rows of `set` (f32), N values.
    static func squared(_ set: FeatureSet, k: Int, centre: Scratch<Float>) throws -> Scratch<Float> {
        let tiles = DistanceTiles(set, set, centre: centre)
        // k + 1: a row is its own nearest neighbour.
        let lists = try NearestLists(tiles, wanted: k + 1)
        try tiles.forEach(isSymmetric: true) { tile in
            lists.scanRows(tile, isOneSet: true)
            if tile.rows != tile.columns { lists.scanColumns(tile) }
        }
        let result = try Scratch<Float>(set.rows)
        lists.finish { row, last, _ in result.pointer[row] = last }
        return result
    }
}
