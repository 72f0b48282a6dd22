import Files

/// A sweep's settings: which values each cell gives to which parameters.
struct Sweep {
    /// One list a cell, in the order of the cells; keys are paths of parameters.
    let settings: [[(key: String, value: YAMLNode)]]
    /// Most cells of a sweep.
    static let limit = 100_000

    /// The cells of a sweep: of a map, the product of its lists in the order written, the last key fastest; a list of
    /// maps as it stands. No sweep is one cell without settings.
    init(_ node: YAMLNode?) throws {
        guard let node else {
            settings = [[]]
            return
        }
        switch node.content {
        case .object(let entries): settings = try Sweep.product(node, entries)
        case .array(let elements):
            guard !elements.isEmpty else { throw node.error("`sweep` is an empty list; leave it out for a single run") }
            settings = try elements.map { element in
                guard case .object(let entries) = element.content else {
                    throw element.error("a cell of `sweep` must be a map, not \(element.value.kind)")
                }
                return entries.map { (key: $0.key, value: $0.value) }
            }
        case .scalar: throw node.error("`sweep` must be a map of lists or a list of maps, not \(node.value.kind)")
        }
        guard settings.count <= Sweep.limit else {
            throw node.error("`sweep` has \(settings.count) cells, more than \(Sweep.limit)")
        }
    }

    private static func product(
        _ node: YAMLNode, _ entries: [(key: String, place: YAMLNode.Place, value: YAMLNode)]
    ) throws -> [[(key: String, value: YAMLNode)]] {
        var cells: [[(key: String, value: YAMLNode)]] = [[]]
        for entry in entries {
            guard case .array(let values) = entry.value.content else {
                throw entry.value.error(
                    "`sweep.\(entry.key)` must be a list of values to try, not \(entry.value.value.kind)")
            }
            guard !values.isEmpty else {
                throw entry.value.error("`sweep.\(entry.key)` is an empty list, so that no cell is left to run")
            }
            let (count, overflow) = cells.count.multipliedReportingOverflow(by: values.count)
            guard !overflow && count <= limit else { throw node.error("`sweep` has more than \(limit) cells") }
            cells = cells.flatMap { cell in values.map { cell + [(key: entry.key, value: $0)] } }
        }
        return cells
    }
}
