/// |found - wanted| / |wanted|; infinite where the counts differ.
/// - Parameter width: where given, the largest error of the rows of so many values.
public func relativeError<Found: BinaryFloatingPoint, Wanted: BinaryFloatingPoint>(
    _ found: [Found], _ wanted: [Wanted], width: Int? = nil
) -> Double {
    let width = width ?? max(1, found.count)
    guard found.count == wanted.count, width > 0, found.count % width == 0 else { return .infinity }
    var worst = 0.0
    for row in stride(from: 0, to: found.count, by: width) {
        var (difference, norm) = (0.0, 0.0)
        for index in row..<row + width {
            let value = Double(wanted[index])
            difference += (Double(found[index]) - value) * (Double(found[index]) - value)
            norm += value * value
        }
        // A value that is no number is no error of 0.
        let error = (difference / max(norm, 1e-300)).squareRoot()
        worst = error.isNaN ? .infinity : max(worst, error)
    }
    return worst
}
