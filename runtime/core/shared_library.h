// SPDX-License-Identifier: Apache-2.0
// Parts of midpo that are opened when a command needs them: LibTorch and CUDA take long to load,
// and not every machine has them.
#pragma once

#include <filesystem>
#include <string>

namespace midpo {

/// The folder of the running program.
std::filesystem::path program_folder();

/// The folder of the library (or program) that `function` is in.
std::filesystem::path folder_of(const void* function);

/// Stays loaded until the process ends: what comes from it may outlive any scope.
class SharedLibrary {
 public:
  /// kShared: the library and what is loaded already find each other's symbols.
  enum class Symbols { kOwn, kShared };

  struct Hints {
    std::string if_missing;   ///< what it is for, and how to get it
    std::string if_unusable;  ///< what it needs
  };

  /// @throws Error(kDevice) naming `path`, with a hint.
  SharedLibrary(std::filesystem::path path, Symbols symbols, const Hints& hints);

  /// @param name of an extern "C" function of this type. @throws Error(kDevice) if there is none.
  template <typename Function>
  Function function(const char* name) const {
    return reinterpret_cast<Function>(address(name));
  }

 private:
  void* address(const char* name) const;

  std::filesystem::path path_;
  void* handle_ = nullptr;
};

}  // namespace midpo
