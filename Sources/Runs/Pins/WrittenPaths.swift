import Files
import Foundation

/// The files and folders that a run wrote: neither they nor what lies below them is an input of it. They are compared as the system
/// sees them, as a link may be another spelling of one.
struct WrittenPaths {
    private var places: Set<String> = []

    /// Adds a path; returns how it is kept, or nil where it is known or lies below a folder that is.
    mutating func add(_ path: String) -> String? {
        let place = WrittenPaths.place(path)
        guard !holds(place) else { return nil }
        places.insert(place)
        return place
    }

    /// Takes up what `add` returned in an earlier process.
    mutating func takeUp(_ places: some Sequence<String>) { self.places.formUnion(places) }

    /// Whether a path was written or lies below a folder that was.
    func contains(_ path: String) -> Bool { !places.isEmpty && holds(WrittenPaths.place(path)) }

    private func holds(_ place: String) -> Bool {
        var place = place
        while place.count > 1 {
            if places.contains(place) { return true }
            place = Paths.folder(place)
        }
        return false
    }

    /// Where a path leads; of one that is not there yet, where it will be.
    private static func place(_ path: String) -> String {
        if RunFolder.exists(path) { return Paths.resolved(path) }
        return Paths.joined(Paths.resolved(Paths.folder(path)), Paths.name(path))
    }

    /// What an earlier process of a run noted in the journal.
    init(_ records: [JSON] = []) {
        for record in records where record["kind"] == .string("written") { takeUp(WrittenPaths.paths(record) ?? []) }
    }

    /// The paths of a record; nil where it has no sense.
    static func paths(_ record: JSON) -> [String]? {
        guard case .array(let values)? = record["paths"] else { return nil }
        let paths = values.compactMap(\.string)
        return paths.count == values.count ? paths : nil
    }

    /// The journal's record of paths.
    static func record(_ places: [String]) -> JSON {
        .object([("kind", .string("written")), ("paths", .array(places.map { .string($0) }))])
    }
}
