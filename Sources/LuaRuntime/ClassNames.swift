import Foundation

/// The Lua class names of Swift classes, for argument checks. A Swift class has the same Lua name in every host.
enum ClassNames {
    private nonisolated(unsafe) static var declared: [ObjectIdentifier: String] = [:]
    private static let lock = NSLock()

    static func declare(_ name: String, for type: AnyClass) {
        lock.withLock { declared[ObjectIdentifier(type)] = name }
    }

    /// The Lua names of an object's class and its superclasses, nearest first.
    static func names(of object: AnyObject) -> [String] {
        lock.withLock {
            var names: [String] = []
            var type: AnyClass? = Swift.type(of: object)
            while let current = type {
                if let name = declared[ObjectIdentifier(current)] { names.append(name) }
                type = _getSuperclass(current)
            }
            return names
        }
    }
}
