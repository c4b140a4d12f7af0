/// Why a value of a kernel is not known.
enum KernelFault: Error, Equatable, Sendable {
  case type(TypeFault)
  case read(KernelReadFault)
}

extension KernelFault: CustomStringConvertible {
  var description: String {
    switch self {
    case .type(let fault): fault.description
    case .read(let fault): fault.description
    }
  }
}
