# Finds MLX: MLX_ROOT (a folder that holds share/cmake/MLX, include/, lib/) or the
# pinned wheel, which pip downloads once into a cache folder and checks by hash.

if(DEFINED ENV{MLX_ROOT} AND NOT MLX_ROOT)
  set(MLX_ROOT "$ENV{MLX_ROOT}")
endif()

if(NOT MLX_ROOT)
  if(APPLE)
    set(_mlx_lock "${CMAKE_CURRENT_LIST_DIR}/mlx-metal-macos.lock")
    set(_mlx_platform "macosx_14_0_arm64")
    set(_mlx_cache_home "$ENV{HOME}/Library/Caches")
  else()
    set(_mlx_lock "${CMAKE_CURRENT_LIST_DIR}/mlx-cpu-linux.lock")
    set(_mlx_platform "manylinux_2_35_${CMAKE_SYSTEM_PROCESSOR}")
    set(_mlx_cache_home "$ENV{XDG_CACHE_HOME}")
    if(NOT _mlx_cache_home)
      set(_mlx_cache_home "$ENV{HOME}/.cache")
    endif()
  endif()
  file(SHA256 "${_mlx_lock}" _mlx_lock_id)
  string(SUBSTRING "${_mlx_lock_id}" 0 12 _mlx_lock_id)
  set(_mlx_dir "${_mlx_cache_home}/mtplx/mlx-${_mlx_platform}-${_mlx_lock_id}")

  if(NOT EXISTS "${_mlx_dir}/complete")
    find_package(Python3 COMPONENTS Interpreter)
    if(NOT Python3_FOUND)
      message(FATAL_ERROR
        "Fetching MLX needs Python 3 with pip: install python3 and python3-pip, "
        "or point MLX_ROOT at an installed MLX 0.32.4.")
    endif()
    # A private folder, renamed when whole: two builds at once do no harm.
    string(RANDOM LENGTH 8 _mlx_tag)
    set(_mlx_work "${_mlx_dir}.${_mlx_tag}")
    file(MAKE_DIRECTORY "${_mlx_work}/wheel")
    message(STATUS "Fetching the pinned MLX wheel with pip")
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -m pip download --quiet
              --disable-pip-version-check --no-deps --only-binary :all:
              --platform "${_mlx_platform}" --require-hashes
              -r "${_mlx_lock}" -d "${_mlx_work}/wheel"
      RESULT_VARIABLE _mlx_failed OUTPUT_VARIABLE _mlx_log ERROR_VARIABLE _mlx_log)
    if(_mlx_failed)
      file(REMOVE_RECURSE "${_mlx_work}")
      message(FATAL_ERROR
        "Step 'pip download' of the MLX wheel failed for ${_mlx_platform}.\n${_mlx_log}\n"
        "Needed: Python 3 with pip, access to a Python package index, and on Linux "
        "glibc >= 2.35. Or point MLX_ROOT at an installed MLX 0.32.4.")
    endif()
    file(GLOB _mlx_wheel "${_mlx_work}/wheel/*.whl")
    file(ARCHIVE_EXTRACT INPUT "${_mlx_wheel}" DESTINATION "${_mlx_work}")
    file(REMOVE_RECURSE "${_mlx_work}/wheel")
    file(TOUCH "${_mlx_work}/complete")
    if(EXISTS "${_mlx_dir}/complete")
      file(REMOVE_RECURSE "${_mlx_work}")
    else()
      file(REMOVE_RECURSE "${_mlx_dir}")
      file(RENAME "${_mlx_work}" "${_mlx_dir}")
    endif()
  endif()
  set(MLX_ROOT "${_mlx_dir}/mlx")
endif()

find_package(MLX CONFIG NO_DEFAULT_PATH PATHS "${MLX_ROOT}/share/cmake/MLX" "${MLX_ROOT}")
if(NOT MLX_FOUND)
  message(FATAL_ERROR
    "Step 'find MLX' failed: no share/cmake/MLX/MLXConfig.cmake under ${MLX_ROOT}. "
    "Unset MLX_ROOT to fetch the pinned wheel, or point it at the mlx folder of an "
    "installed MLX 0.32.4.")
endif()
get_filename_component(MLX_LIBRARY_DIR "${MLX_ROOT}/lib" ABSOLUTE)
message(STATUS "MLX ${MLX_VERSION}: ${MLX_ROOT}")
