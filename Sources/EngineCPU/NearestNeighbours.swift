/// Enlarging to the nearest neighbour, as PyTorch's `interpolate(mode="nearest")` does it.
package enum NearestNeighbours {
    /// The source of each place.
    package static func sources(_ source: Int, _ target: Int) -> [Int] {
        if source == target { return Array(0..<source) }
        let scale = Float(source) / Float(target)
        return (0..<target).map { min(Int((Float($0) * scale).rounded(.down)), source - 1) }
    }
}
