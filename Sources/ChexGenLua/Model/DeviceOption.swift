import Devices
import Engine
import LuaRuntime

/// The option `device` of what opens a model.
package enum DeviceOption {
    /// There is one device: what a script asks for can only be that.
    /// - Throws: `LuaError` for another kind of value, and for a device that is not known.
    package static func check(_ options: LuaTable, _ arguments: LuaArguments) throws {
        if options["device"].isNil { return }
        guard let name = options["device"].stringValue else {
            throw arguments.fail("options.device", "wanted a string, got \(options["device"].kind)")
        }
        guard Device.known[name] != nil else {
            throw arguments.fail("options.device", Device.known.unknown(name).description)
        }
    }
}
